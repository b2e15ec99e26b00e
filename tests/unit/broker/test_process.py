"""Which process is the broker of a folder, whoever has its number now, and how it is ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from presence.broker import Broker
from presence.broker.java import data_argument
from presence.broker.process import end_process, find_process, memory_bytes, running_process
from presence.broker.record import BrokerRecord, read_record, write_record

SLEEPS = "import sys; print('up', flush=True); import time; time.sleep(60)"
IGNORES_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPS}"


@contextmanager
def python(code: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A real process that runs `code`; it has printed its line by now."""
    with subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def record_of(pid: int | None) -> BrokerRecord:
    return BrokerRecord(port=20001, controller_port=20002, pid=pid)


def test_the_process_with_the_folders_mark_is_its_broker(tmp_path: Path) -> None:
    with python(SLEEPS, data_argument(tmp_path)) as process:
        found = running_process(tmp_path, record_of(process.pid))
        assert found is not None
        assert found.pid == process.pid
        assert (memory_bytes(found) or 0) > 0
        assert find_process(tmp_path) == process.pid


def test_the_broker_of_another_folder_is_not_ours(tmp_path: Path) -> None:
    with python(SLEEPS, data_argument(tmp_path / "a-longer-name")) as process:
        assert running_process(tmp_path, record_of(process.pid)) is None
        assert find_process(tmp_path) is None


def test_a_number_given_to_another_process_is_no_broker(tmp_path: Path) -> None:
    assert running_process(tmp_path, record_of(os.getpid())) is None


def test_a_recycled_number_is_not_killed_by_stop(tmp_path: Path) -> None:
    with python(SLEEPS) as stranger:
        write_record(tmp_path, record_of(stranger.pid))
        assert not Broker(tmp_path).stop().running
        assert stranger.poll() is None
    assert read_record(tmp_path) == record_of(None)


def test_an_ended_process_is_no_broker_even_while_it_is_a_zombie(tmp_path: Path) -> None:
    with python(SLEEPS, data_argument(tmp_path)) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert running_process(tmp_path, record_of(process.pid)) is None


def test_the_end_comes_by_sigterm(tmp_path: Path) -> None:
    with python(SLEEPS, data_argument(tmp_path)) as process:
        end_process(tmp_path, record_of(process.pid), wait_s=10)
        assert process.wait() == -signal.SIGTERM


def test_who_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    with python(IGNORES_SIGTERM, data_argument(tmp_path)) as process:
        end_process(tmp_path, record_of(process.pid), wait_s=0.1)
        assert process.wait() == -signal.SIGKILL
