"""The one broker of a test run, started when the first test asks for it and shared by all of pytest-xdist's workers."""

import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path

import pytest

from presence.broker import Broker

FOLDER_VARIABLE = "PRESENCE_TEST_BROKER_FOLDER"
_STARTED_WORKERS = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    # A worker is configured as well, and gets the folder of the process that started it.
    if not hasattr(config, "workerinput"):
        config.stash[_STARTED_WORKERS] = True
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="presence-kafka-")
        # A run that is terminated, as by `timeout`, must not leave a broker behind either.
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _STARTED_WORKERS in config.stash:
        folder = Path(os.environ.pop(FOLDER_VARIABLE))
        Broker(folder).stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def kafka() -> str:
    """The address of a real broker: `$PRESENCE_TEST_KAFKA`, else the embedded one of this run."""
    if given := os.environ.get("PRESENCE_TEST_KAFKA"):
        return given
    # A start is exclusive, and whoever comes second finds the broker running.
    address = Broker(Path(os.environ[FOLDER_VARIABLE])).start().bootstrap
    assert address is not None
    return address


@pytest.fixture
def namespace() -> str:
    """The first part of every topic's name, different in every test, such as `t1a2b3c4`."""
    return f"t{uuid.uuid4().hex[:7]}"
