"""The broker's process, told from every other by its arguments, and its end."""

import contextlib
import time
from pathlib import Path

import psutil

from presence.broker.errors import BrokerError
from presence.broker.java import data_argument
from presence.broker.record import BrokerRecord

POLL_S = 0.05
# After SIGKILL the kernel only has to give memory back; what takes longer hangs in a disk.
KILL_WAIT_S = 10.0


def running_process(data_folder: Path, record: BrokerRecord | None) -> psutil.Process | None:
    """The recorded process if it is alive and is this folder's broker, whoever started it."""
    if record is None or record.pid is None:
        return None
    try:
        process = psutil.Process(record.pid)
    except psutil.NoSuchProcess:
        return None
    return process if _is_broker_of(data_folder, process) else None


def find_process(data_folder: Path) -> int | None:
    """The process id of this folder's broker if one runs, found among all processes (some tens of milliseconds)."""
    marked = (process.pid for process in psutil.process_iter() if _is_broker_of(data_folder, process))
    return next(marked, None)


def end_process(data_folder: Path, record: BrokerRecord, wait_s: float) -> None:
    """SIGTERM, and SIGKILL after `wait_s`. Nothing happens if it does not run. Raises BrokerError if it survives."""
    process = running_process(data_folder, record)
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        if _ended(data_folder, record, wait_s):
            return
        process.kill()
        if not _ended(data_folder, record, KILL_WAIT_S):
            raise BrokerError(
                f"Process {record.pid} survived SIGKILL.", "Is the disk that holds its data hanging?"
            )


def memory_bytes(process: psutil.Process | None) -> int | None:
    """What it holds in memory (resident set size), None without a process."""
    if process is None:
        return None
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return None


def _is_broker_of(data_folder: Path, process: psutil.Process) -> bool:
    try:
        # A zombie has no arguments any more, so it does not count as running either.
        return data_argument(data_folder) in process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _ended(data_folder: Path, record: BrokerRecord, wait_s: float) -> bool:
    # Asks for the process itself and not for its number: where nobody reaps orphans, the number stays as a zombie.
    give_up_at = time.monotonic() + wait_s
    while running_process(data_folder, record) is not None:
        if time.monotonic() >= give_up_at:
            return False
        time.sleep(POLL_S)
    return True
