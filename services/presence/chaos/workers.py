"""The scoring workers of a run: real processes, started as `presence up` does, killed, frozen and replaced."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from presence.chaos.guard import MARK
from presence.log.settings import Settings

STOP_S = 15.0
POLL_S = 0.05


@dataclass(slots=True)
class Worker:
    """One worker: its name in the group, and the process that it is now."""

    name: str
    settings: Settings
    process: "subprocess.Popen[bytes]"


@dataclass(slots=True)
class Workers:
    """All of them. One that ends by itself is started again, as any supervisor would."""

    settings: Settings
    scratch: Path
    skewed: bool = False
    """Whether their clocks can be set."""
    members: list[Worker] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    """Exit codes of those that ended by themselves."""
    stuck: int = 0
    """How many did not end within STOP_S of SIGTERM."""

    def start(self, name: str, kafka: str | None = None) -> Worker:
        """One worker more, which finds the broker at `kafka` if that is not where all others do."""
        settings = replace(self.settings, worker=name, kafka=kafka or self.settings.kafka)
        worker = Worker(name, settings, self._spawn(settings))
        self.members.append(worker)
        return worker

    def kill(self, worker: Worker) -> None:
        """SIGKILL; it stays dead until `revive`."""
        self.members.remove(worker)
        worker.process.kill()
        worker.process.wait()

    def revive(self, worker: Worker) -> None:
        """The same worker, in a new process."""
        worker.process = self._spawn(worker.settings)
        self.members.append(worker)

    def leave(self, worker: Worker, pause: Callable[[float], None]) -> None:
        """SIGTERM, and gone for good; `pause` lets the others go on meanwhile. SIGKILL if it does not end."""
        self.members.remove(worker)
        worker.process.send_signal(signal.SIGTERM)
        give_up_at_s = time.monotonic() + STOP_S
        while worker.process.poll() is None and time.monotonic() < give_up_at_s:
            pause(POLL_S)
        if worker.process.poll() is None:
            self.stuck += 1
            worker.process.kill()
            worker.process.wait()

    def mend(self) -> None:
        """Start again whoever has ended by itself."""
        for worker in self.members:
            if (code := worker.process.poll()) is not None:
                self.ended.append(code)
                worker.process = self._spawn(worker.settings)

    def stop(self, pause: Callable[[float], None]) -> None:
        """All leave."""
        for worker in list(self.members):
            self.leave(worker, pause)

    def set_clock(self, worker: Worker, wrong_ms: int) -> None:
        """Make its wall clock wrong by so much; only where clocks are `skewed`."""
        part = self._clock_path(worker.name).with_suffix(".part")
        part.write_text(str(wrong_ms))
        part.replace(self._clock_path(worker.name))

    def said_bytes(self, name: str) -> int:
        """How much stands in its log; it says when it gets partitions, and nothing before unless there is trouble."""
        path = self._log_path(name)
        return path.stat().st_size if path.exists() else 0

    def _log_path(self, name: str) -> Path:
        return self.scratch / f"worker-{name}.log"

    def _clock_path(self, name: str) -> Path:
        return self.scratch / f"clock-{name}"

    def _spawn(self, settings: Settings) -> "subprocess.Popen[bytes]":
        environment = os.environ | {
            "PRESENCE_KAFKA": settings.kafka,
            "PRESENCE_NAMESPACE": settings.namespace,
            "PRESENCE_PARTITIONS": str(settings.partitions),
            "PRESENCE_DATA": str(settings.data),
            "PRESENCE_WORKER": settings.worker,
            MARK: str(self.scratch),
        }
        module = ["presence.scoring"]
        if self.skewed:
            module = ["presence.chaos.skewed", str(self._clock_path(settings.worker)), *module]
        with self._log_path(settings.worker).open("ab") as log:
            return subprocess.Popen(  # noqa: S603 (our own module)
                [sys.executable, "-m", *module],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
