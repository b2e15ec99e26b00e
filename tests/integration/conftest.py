"""Starting the services as processes, as `presence up` does."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from presence.log.settings import Settings


@pytest.fixture
def spawn() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """`spawn(module, settings, *arguments)`: a running `python -m module`; killed at the end of the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(module: str, settings: Settings, *arguments: str) -> "subprocess.Popen[bytes]":
        settings.data.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {
            "PRESENCE_KAFKA": settings.kafka,
            "PRESENCE_NAMESPACE": settings.namespace,
            "PRESENCE_DATA": str(settings.data),
            "PRESENCE_GATEWAY": settings.gateway,
            "PRESENCE_WORKER": settings.worker,
            "PRESENCE_VARIANT": settings.variant,
            "PRESENCE_ARCHIVE": settings.archive,
            "PRESENCE_ARCHIVE_FLUSH_S": str(settings.archive_flush_s),
            "PRESENCE_ARCHIVE_PURGE_S": str(settings.archive_purge_s),
            "PRESENCE_KAFKA_SECURITY": settings.kafka_security,
            "PRESENCE_KAFKA_SASL_USER": settings.kafka_sasl_user,
            "PRESENCE_KAFKA_SASL_PASSWORD": settings.kafka_sasl_password,
        }
        if settings.model is not None:
            environment["PRESENCE_MODEL"] = str(settings.model)
        if settings.kafka_ca_file is not None:
            environment["PRESENCE_KAFKA_CA_FILE"] = str(settings.kafka_ca_file)
        with (settings.data / "services.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments], env=environment, stdout=log, stderr=log
            )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def found(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    """A deployment of its own on the shared broker."""
    return Settings(kafka=kafka, namespace=namespace, data=tmp_path / "data", partitions=2)
