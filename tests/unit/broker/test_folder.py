"""What a broker's folder holds: settings that Java reads as they were meant, a record, a lock, an own port."""

import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from presence.broker import Broker, BrokerBusy, BrokerError
from presence.broker.locking import exclusive
from presence.broker.logs import LINES_MAX, last_lines
from presence.broker.ports import PORTS, free_port, lasting_refusal, refusal
from presence.broker.properties import server_properties
from presence.broker.record import FILE_NAME, BrokerRecord, read_record, write_record

HOLDER = """
import sys, time
from pathlib import Path
from presence.broker.locking import exclusive
with exclusive(Path(sys.argv[1]), 0):
    print("held", flush=True)
    time.sleep(60)
"""


def settings(folder: str) -> dict[str, str]:
    text = server_properties(log_folder=Path(folder), port=24_817, controller_port=24_818)
    return dict(line.split("=", 1) for line in text.splitlines())


def test_every_listener_is_bound_to_this_machine() -> None:
    expected = "BROKER://127.0.0.1:24817,CONTROLLER://127.0.0.1:24818"
    assert settings("/x")["listeners"] == settings("/x")["advertised.listeners"] == expected


@pytest.mark.parametrize(
    ("folder", "written"),
    [
        ("/a b/#!", "/a b/#!"),
        ("/é", r"/\u00e9"),
        ("/a\\b", r"/a\\b"),
        ("/😀", r"/\ud83d\ude00"),
        ("/a\nb", r"/a\u000ab"),
    ],
)
def test_a_folders_name_survives_javas_properties(folder: str, written: str) -> None:
    assert settings(folder)["log.dirs"] == written


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_record(tmp_path) is None
    record = BrokerRecord(port=24_817, controller_port=24_818, pid=7)
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"port": 1, "controller_port": 2, "pid": null, "more": 1}']
)
def test_a_broken_record_is_named_with_its_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(BrokerError, match=FILE_NAME) as caught:
        Broker(tmp_path).status()
    assert "Delete it" in caught.value.remedy


def test_a_lock_is_exclusive_and_comes_back_from_a_killed_holder(tmp_path: Path) -> None:
    lock_path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BrokerBusy, match="lock"), exclusive(lock_path, wait_s=0):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with exclusive(lock_path, wait_s=0):
        assert lock_path.exists()


def test_a_port_where_somebody_listens_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert refusal(taken.getsockname()[1]) == "Address already in use"


def test_a_port_that_is_about_to_be_given_back_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert lasting_refusal(port, wait_s=0.05) == "Address already in use"
        giving_back = threading.Timer(0.05, taken.close)
        giving_back.start()
        assert lasting_refusal(port, wait_s=60) is None
        giving_back.join()


def test_a_free_port_is_one_that_nobody_has() -> None:
    first = free_port()
    assert first in PORTS
    assert refusal(first) is None


@pytest.mark.parametrize("port", [0, -1, 65_536])
def test_a_number_that_is_no_port_is_refused(tmp_path: Path, port: int) -> None:
    with pytest.raises(BrokerError, match="no port"):
        Broker(tmp_path, port)


def test_folders_that_kafka_or_java_would_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokerError, match=","):
        Broker(tmp_path / "a,b")
    with pytest.raises(BrokerError, match=":"):
        Broker(tmp_path, cache_folder=tmp_path / "a:b")


def test_a_broker_that_never_ran_leaves_no_trace_of_being_asked(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "broker")
    assert not broker.status().running
    assert broker.stop().port is None
    assert not broker.data_folder.exists()


def test_the_console_of_this_run_comes_before_the_log_of_older_ones(tmp_path: Path) -> None:
    log, console = tmp_path / "log", tmp_path / "console"
    log.write_text("old\n" * 10_000)
    console.write_text("Error occurred during initialization of VM\nToo small maximum heap\n")
    lines = last_lines(log, console, tmp_path / "missing")
    assert len(lines) == LINES_MAX
    assert lines[-2:] == ["Error occurred during initialization of VM", "Too small maximum heap"]
