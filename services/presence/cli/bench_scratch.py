"""A deployment that is there for one measurement, and the environment of its processes."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from presence.broker import Broker
from presence.log.clock import now_ms
from presence.log.settings import Settings


def environment(settings: Settings) -> dict[str, str]:
    return os.environ | {
        "PRESENCE_KAFKA": settings.kafka,
        "PRESENCE_NAMESPACE": settings.namespace,
        "PRESENCE_DATA": str(settings.data),
    }


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
