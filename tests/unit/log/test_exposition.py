"""A process's metrics over a real socket, and the file by which Prometheus finds them."""

import json
import socket
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from presence.events.errors import CallerError
from presence.log.exposition import exposed, folder, sweep, targets
from presence.log.metrics import CLOCK_TICK, Service
from presence.log.settings import Settings

KILLED = """
import os, signal, sys
from pathlib import Path
from presence.log.exposition import exposed
from presence.log.metrics import Service
from presence.log.settings import Settings
with exposed(Settings(data=Path(sys.argv[1])), Service.CLOCK, "killed"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def read(address: str) -> str:
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_process_serves_what_its_service_measures_and_tells_where(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    CLOCK_TICK.set(86_400)
    with exposed(settings, Service.CLOCK, "clock") as address:
        text = read(address)
        assert "presence_clock_tick_timestamp_seconds 86400.0" in text
        assert "process_resident_memory_bytes" in text
        assert "presence_scoring" not in text
        assert targets(settings) == {"clock": address}
        (entry,) = json.loads((folder(settings) / "clock.json").read_bytes())
        assert entry["labels"]["job"] == "clock"
        assert entry["labels"]["instance"] == "clock"
    assert targets(settings) == {}


def test_a_killed_process_is_still_looked_for_until_somebody_sweeps(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, timeout=60)
    assert list(targets(settings)) == ["killed"]
    with exposed(settings, Service.CLOCK, "lives"):
        sweep(settings)
        assert list(targets(settings)) == ["lives"]


def test_a_given_port_is_the_first_of_a_service_and_others_come_after_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = Settings(data=tmp_path, metrics=f"127.0.0.1:{port - 1}")
    with exposed(settings, Service.CLOCK, "second", 1) as address:
        assert address == f"127.0.0.1:{port}"


def test_nothing_is_served_where_nobody_wants_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, metrics="")
    with exposed(settings, Service.CLOCK, "clock") as address:
        assert address == ""
    assert not folder(settings).exists()


@pytest.mark.parametrize("given", ["somewhere", "127.0.0.1", "127.0.0.1:x", ":9464", "127.0.0.1:70000"])
def test_an_address_that_is_none_is_said_to_be(tmp_path: Path, given: str) -> None:
    settings = Settings(data=tmp_path, metrics=given)
    with pytest.raises(CallerError, match="PRESENCE_METRICS"), exposed(settings, Service.CLOCK, "clock"):
        pass


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with exposed(settings, Service.CLOCK, "one") as address:
        second = replace(settings, metrics=address)
        with pytest.raises(CallerError, match="in use"), exposed(second, Service.CLOCK, "two"):
            pass
