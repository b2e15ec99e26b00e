"""Start, stop and describe the broker of one data folder.

Everything known is in files there, so any process may ask for any of it, and a broker outlives the one that started
it. A start is exclusive per folder; a second one finds the broker running and describes it. After kill -9 of the broker
or of the process that started it, the next start puts things right.
"""

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from presence.broker.errors import BrokerDied, BrokerError, FolderNotWritable, PortTaken
from presence.broker.jars import default_cache_folder, ensure_jars, kafka_version
from presence.broker.java import heap_size, java_path, launch
from presence.broker.locking import exclusive
from presence.broker.logs import last_lines
from presence.broker.ports import free_port, lasting_refusal, refusal
from presence.broker.probe import NotKafka, ask
from presence.broker.process import KILL_WAIT_S, end_process, find_process, memory_bytes, running_process
from presence.broker.progress import Progress, ProgressListener, Step, ignore
from presence.broker.properties import HOST, Detour, server_properties
from presence.broker.record import BrokerRecord, read_record, write_record
from presence.broker.storage import FOLDER_NAME, cluster_id, ensure_storage

POLL_S = 0.05
PROBE_TIMEOUT_S = 2.0
# For the sockets of this folder's last broker to go; thousands of times what it takes on an idle machine.
PORT_WAIT_S = 3.0


@dataclass(frozen=True, slots=True)
class BrokerStatus:
    """A broker as seen at one moment.

    `running` means that it answered and may serve; a process that starts or hangs has a `pid` without it. `port` and
    `bootstrap` (host:port) are those of the last run when it is stopped, None if it never ran. `memory_bytes` is what
    its process holds in memory.
    """

    running: bool
    pid: int | None
    port: int | None
    bootstrap: str | None
    data_folder: Path
    log_path: Path
    version: str
    memory_bytes: int | None


class Broker:
    """The broker of `data_folder`. `port` is wanted by the caller; without one it keeps the folder's, or takes a free one.

    `cache_folder` is where the jars are kept, by default the user's cache. `detours` are for clients behind a proxy.
    """

    def __init__(
        self,
        data_folder: Path,
        port: int | None = None,
        *,
        cache_folder: Path | None = None,
        detours: Sequence[Detour] = (),
    ) -> None:
        if port is not None and not 0 < port < 65_536:
            raise BrokerError(f"{port} is no port.", "Choose one from 1 to 65535, or none for a free one.")
        self.data_folder = data_folder.expanduser().resolve()
        self.log_path = self.data_folder / "broker.log"
        self._port = port
        self._detours = detours
        self._cache_folder = (cache_folder or default_cache_folder()).expanduser().resolve()
        _refuse_separator(self.data_folder, ",")  # Kafka takes a comma for the beginning of a second folder,
        _refuse_separator(self._cache_folder, os.pathsep)  # and Java a colon.
        self._console_path = self.data_folder / "console.log"

    def start(self, wait_s: float = 60.0, *, listener: ProgressListener = ignore) -> BrokerStatus:
        """Start the broker, or find it running, and return when it serves; the download's time is not in `wait_s`.

        The listener hears each step; while it downloads, from several threads, one call at a time. Raises the BrokerError that fits; a broker that does not serve within `wait_s` is stopped again.
        """
        status = self.status()
        if status.running and self._port in {None, status.port}:
            return status
        java_path()
        heap_size()
        jars = ensure_jars(self._cache_folder, listener)
        with self._exclusive(wait_s):
            record = self._record_of_running() or self._launch(jars, listener)
            self._await_ready(record, wait_s)
            listener(Progress(Step.READY, f"{HOST}:{record.port}"))
        return self.status()

    def stop(self, wait_s: float = 10.0) -> BrokerStatus:
        """Stop it: SIGTERM, and SIGKILL if that has not ended it within `wait_s`. Nothing happens if it does not run."""
        if read_record(self.data_folder) is not None:
            with self._exclusive(wait_s):
                self._stop(wait_s)
        return self.status()

    def status(self) -> BrokerStatus:
        """How it is now; this asks the broker itself and takes at most some seconds, when it hangs."""
        record = read_record(self.data_folder)
        process = running_process(self.data_folder, record)
        return BrokerStatus(
            running=record is not None and process is not None and self._serves(record),
            pid=process.pid if process else None,
            port=record.port if record else None,
            bootstrap=f"{HOST}:{record.port}" if record else None,
            data_folder=self.data_folder,
            log_path=self.log_path,
            version=kafka_version(),
            memory_bytes=memory_bytes(process),
        )

    def _exclusive(self, wait_s: float) -> AbstractContextManager[None]:
        return exclusive(self.data_folder / "broker.lock", wait_s + KILL_WAIT_S)

    def _complete_record(self) -> BrokerRecord | None:
        """The record; where it has no process, with the one that a start left which was killed before it wrote it down."""
        record = read_record(self.data_folder)
        if record is None or record.pid is not None:
            return record
        record = replace(record, pid=find_process(self.data_folder))
        write_record(self.data_folder, record)
        return record

    def _record_of_running(self) -> BrokerRecord | None:
        record = self._complete_record()
        if record is None or running_process(self.data_folder, record) is None:
            return None
        if self._port not in {None, record.port}:
            assert self._port is not None
            by_whom = f"the broker of {self.data_folder} already runs, on port {record.port}"
            raise PortTaken(self._port, by_whom, "Use that one, or stop it first: `presence broker stop`.")
        return record

    def _launch(self, jars: list[Path], listener: ProgressListener) -> BrokerRecord:
        try:
            record = self._choose_ports()
            if not (self.data_folder / FOLDER_NAME).exists():
                listener(Progress(Step.FORMAT, "a new data folder"))
            ensure_storage(self.data_folder, jars, port=record.port, controller_port=record.controller_port)
            text = server_properties(
                log_folder=self.data_folder / FOLDER_NAME,
                port=record.port,
                controller_port=record.controller_port,
                detours=self._detours,
            )
            properties_path = self.data_folder / "server.properties"
            properties_path.write_text(text)
            # Recorded before it runs and after: a start that is killed in between leaves the port by which to find it.
            write_record(self.data_folder, record)
            listener(Progress(Step.LAUNCH, f"on {HOST}:{record.port}"))
            pid = launch(jars, properties_path, self.data_folder, self._console_path)
        except OSError as error:
            raise FolderNotWritable(self.data_folder, error.strerror or str(error)) from error
        record = replace(record, pid=pid)
        write_record(self.data_folder, record)
        return record

    def _choose_ports(self) -> BrokerRecord:
        last = read_record(self.data_folder)
        port = self._port or (last.port if last else free_port())
        if reason := lasting_refusal(port, PORT_WAIT_S if last else 0.0):
            if self._port:
                raise PortTaken(
                    port, reason.lower(), "Choose another with --port, or leave it out for a free one."
                )
            port = free_port()
        controller_port = last.controller_port if last else port
        if controller_port == port or refusal(controller_port) is not None:
            controller_port = free_port(besides=port)
        return BrokerRecord(port=port, controller_port=controller_port, pid=None)

    def _await_ready(self, record: BrokerRecord, wait_s: float) -> None:
        give_up_at = time.monotonic() + wait_s
        while not self._serves(record):
            if running_process(self.data_folder, record) is None:
                raise self._died("The broker ended while it started.")
            if time.monotonic() >= give_up_at:
                died = self._died(f"The broker was not ready within {wait_s:.0f} s.")
                self._stop(wait_s=0)
                raise died
            time.sleep(POLL_S)

    def _died(self, what: str) -> BrokerDied:
        # The console last: it is this run's, and what stands there hindered even the log.
        return BrokerDied(what, self.log_path, last_lines(self.log_path, self._console_path))

    def _serves(self, record: BrokerRecord) -> bool:
        try:
            answer = ask(HOST, record.port, PROBE_TIMEOUT_S)
        except NotKafka:
            return False
        return answer is not None and answer.brokers > 0 and answer.cluster_id == cluster_id(self.data_folder)

    def _stop(self, wait_s: float) -> None:
        record = self._complete_record()
        if record is not None:
            end_process(self.data_folder, record, wait_s)
            write_record(self.data_folder, replace(record, pid=None))


def _refuse_separator(folder: Path, separator: str) -> None:
    if separator in str(folder):
        raise BrokerError(f"{folder} has a {separator!r} in its name.", "Choose a folder without one.")
