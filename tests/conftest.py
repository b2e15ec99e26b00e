"""The one broker of a test run, started when the first test asks for it and shared by all of pytest-xdist's workers; and who gets which test."""

import os
import shutil
import signal
import tempfile
import uuid
from pathlib import Path

import pytest
from xdist.scheduler import LoadScopeScheduling

from presence.broker import Broker

FOLDER_VARIABLE = "PRESENCE_TEST_BROKER_FOLDER"
_STARTED_WORKERS = pytest.StashKey[bool]()
WHOLE = frozenset(
    {"tests/e2e/test_dashboards.py", "tests/contract/test_roster.py", "tests/integration/test_broker.py"}
)
"""Files whose tests share what takes long to start: one worker gets all of such a file."""

QUICK = ("tests/unit/", "tests/golden/", "tests/service/")
"""Folders whose tests take less than handing them out one by one."""


class Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Hands out one test after the other, as `--dist load` does, but some files as a whole."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file if file in WHOLE or file.startswith(QUICK) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    return Scheduling(config, log)


def pytest_configure(config: pytest.Config) -> None:
    # A worker is configured as well, and gets the folder of the process that started it.
    if not hasattr(config, "workerinput"):
        config.stash[_STARTED_WORKERS] = True
        os.environ[FOLDER_VARIABLE] = tempfile.mkdtemp(prefix="presence-kafka-")
        # Brokers that live for minutes: Java's thorough compiler takes more from the tests than it gives.
        os.environ.setdefault("KAFKA_OPTS", "-XX:TieredStopAtLevel=1")
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
