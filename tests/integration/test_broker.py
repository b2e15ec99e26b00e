"""The embedded broker as processes: killed, started twice at once, frozen, refused its port or its download."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from presence.broker import Broker, BrokerDied, BrokerStatus, PortTaken
from presence.broker.java import data_argument
from presence.broker.record import FILE_NAME
from presence.log.kafka import ensure_topics, producer, read_to_end
from presence.log.settings import Settings

Command = subprocess.Popen[str]
WAIT_S = 60.0


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A data folder, with what a name may have that a shell, Java or Kafka could stumble over."""
    path = tmp_path / "dätä folder"
    yield path
    for process in processes_of(path):
        process.kill()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A running broker for the tests that leave it running."""
    broker = Broker(tmp_path_factory.mktemp("broker"))
    broker.start()
    yield broker
    broker.stop()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Every process that is a broker of this folder, recorded or not."""
    argument = data_argument(folder.resolve())
    return [one for one in psutil.process_iter(["cmdline"]) if argument in (one.info["cmdline"] or ())]


def presence(*arguments: str | Path, **environment: str) -> Command:
    """A running `presence broker` of its own process."""
    command = [sys.executable, "-m", "presence.cli.main", "broker", *map(str, arguments)]
    return subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(command: Command) -> tuple[int, str, str]:
    out, err = command.communicate(timeout=WAIT_S)
    return command.returncode, out, err


def wait_for(what: Callable[[], object]) -> None:
    give_up_at = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def port_of(status: BrokerStatus) -> int:
    assert status.port is not None
    return status.port


def test_after_kill_9_it_has_its_data_and_its_port(folder: Path, namespace: str) -> None:
    broker = Broker(folder)
    first = broker.start()
    settings = Settings(kafka=str(first.bootstrap), namespace=namespace, data=folder)
    ensure_topics(settings)
    writer = producer(settings)
    writer.send(settings.topics.activity, key=b"p", value=b"kept").get(timeout=WAIT_S)
    writer.close()

    (process,) = processes_of(folder)
    process.kill()
    wait_for(lambda: not processes_of(folder))
    assert (broker.status().running, broker.status().pid, broker.status().port) == (False, None, first.port)

    again = broker.start()
    assert (again.running, again.bootstrap) == (True, first.bootstrap)
    assert again.pid != first.pid
    assert [record.value for record in read_to_end(settings, settings.topics.activity)] == [b"kept"]
    broker.stop()


def test_two_starts_at_once_give_one_broker(folder: Path) -> None:
    starts = [finished(start) for start in [presence("start", "--json", "--data", folder) for _ in range(2)]]
    assert [code for code, _, _ in starts] == [0, 0], starts
    first, second = (json.loads(out) for _, out, _ in starts)
    assert first["running"]
    assert (first["pid"], first["port"]) == (second["pid"], second["port"])
    assert [process.pid for process in processes_of(folder)] == [first["pid"]]

    code, out, _ = finished(presence("stop", "--data", folder))
    assert (code, out) == (0, "stopped\n")
    assert processes_of(folder) == []
    code, out, _ = finished(presence("status", "--json", "--data", folder))
    assert (code, json.loads(out)["running"]) == (3, False)


def test_a_start_that_is_killed_leaves_nothing_in_the_way_of_the_next(folder: Path) -> None:
    killed = presence("start", "--data", folder)
    wait_for(lambda: processes_of(folder) or killed.poll() is not None)
    killed.kill()
    finished(killed)
    status = Broker(folder).start()
    assert [process.pid for process in processes_of(folder)] == [status.pid]
    assert not Broker(folder).stop().running


def test_a_second_start_finds_it_running(shared: Broker) -> None:
    before = shared.status()
    after = shared.start()
    assert (after.running, after.pid, after.port) == (True, before.pid, before.port)
    with pytest.raises(PortTaken, match=f"already runs, on port {before.port}"):
        Broker(shared.data_folder, port_of(before) + 1).start()


def test_a_broker_that_nobody_wrote_down_is_found(shared: Broker) -> None:
    before = shared.status()
    record = shared.data_folder / FILE_NAME
    record.write_text(json.dumps(json.loads(record.read_text()) | {"pid": None}))
    assert not shared.status().running
    assert shared.start().pid == before.pid


def test_one_that_hangs_does_not_count_as_running(shared: Broker) -> None:
    (process,) = processes_of(shared.data_folder)
    process.suspend()
    try:
        # The signal may reach its threads a moment later.
        wait_for(lambda: not shared.status().running)
        assert shared.status().pid == process.pid
    finally:
        process.resume()
    assert shared.start().pid == process.pid


def test_one_that_hangs_is_ended(folder: Path) -> None:
    broker = Broker(folder)
    broker.start()
    (process,) = processes_of(folder)
    process.suspend()
    assert broker.stop(wait_s=0.1).pid is None
    assert processes_of(folder) == []


def test_an_interrupted_format_is_done_again_and_the_end_of_java_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "kafka.part").mkdir(parents=True)
    (folder / "kafka.part" / "meta.properties").write_text("cluster.id=of an interrupted format\n")
    monkeypatch.setenv("PRESENCE_BROKER_HEAP", "1m")
    with pytest.raises(BrokerDied, match="Too small maximum heap"):
        Broker(folder).start()
    assert "interrupted" not in (folder / "kafka" / "meta.properties").read_text()
    assert not (folder / "kafka.part").exists()


def test_a_port_that_somebody_has_is_refused_with_a_remedy(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = finished(presence("start", "--port", str(port), "--data", folder))
    assert (code, out) == (1, "")
    assert f"presence: Port {port} cannot be used: address already in use." in err
    assert "--port" in err
    assert "Traceback" not in err


def test_without_a_network_the_download_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
        offline = {"https_proxy": proxy, "HTTPS_PROXY": proxy, "no_proxy": "", "NO_PROXY": ""}
        start = presence("start", "--data", folder, PRESENCE_CACHE=str(tmp_path / "cache"), **offline)
        code, _, err = finished(start)
    assert code == 1
    assert "presence: Could not download " in err
    assert ": Connection refused.\n" in err
    assert str(tmp_path / "cache" / "jars") in err
    assert "Traceback" not in err
    assert list((tmp_path / "cache" / "jars").glob("*.jar")) == []


def test_it_ends_at_sigterm(shared: Broker) -> None:
    (process,) = processes_of(shared.data_folder)
    process.send_signal(signal.SIGTERM)
    wait_for(lambda: not processes_of(shared.data_folder))
    assert not shared.status().running
