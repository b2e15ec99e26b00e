"""A deployment that is there for one measurement, the environment of its processes, and what they used."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from presence.broker import Broker
from presence.log.clock import now_ms
from presence.log.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "PRESENCE_KAFKA": settings.kafka,
        "PRESENCE_NAMESPACE": settings.namespace,
        "PRESENCE_DATA": str(settings.data),
    }


def cpu_s(processes: Sequence[psutil.Process]) -> float:
    """User and system time of all of them so far."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


@contextmanager
def scratch(kafka: str) -> Iterator[Settings]:
    """Settings of a deployment of its own, in a folder that goes; its broker, unless `kafka` is not empty and names one."""
    with tempfile.TemporaryDirectory(prefix="presence-bench-") as folder:
        found = replace(Settings.from_env({}), data=Path(folder), namespace=f"bench{now_ms()}")
        if kafka:
            yield replace(found, kafka=kafka)
            return
        broker = Broker(Path(folder) / "broker")
        try:
            yield replace(found, kafka=str(broker.start().bootstrap))
        finally:
            broker.stop()
