"""What the dashboards ask of a real Prometheus that has scraped the running demonstration comes back with series; and how the demonstration ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from presence.broker.ports import free_port

ROOT = Path(__file__).parents[2]
CHECK = ROOT / "deploy/grafana/check.py"
WAIT_S = 180


class Watched(NamedTuple):
    """A running demonstration: where its Prometheus listens, where its gateway does, and the folder of what it writes."""

    prometheus: str
    gateway: str
    folder: Path
    process: "subprocess.Popen[bytes]"


@pytest.fixture(scope="module")
def watched(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    if shutil.which("prometheus") is None and os.environ.get("CI") != "true":
        pytest.skip("prometheus is missing: apt-get install prometheus")
    folder, prometheus = tmp_path_factory.mktemp("watched"), f"127.0.0.1:{free_port()}"
    environment = os.environ | {
        "PRESENCE_KAFKA": kafka,
        "PRESENCE_PROMETHEUS": prometheus,
        "PRESENCE_SNAPSHOT_INTERVAL_S": "5",
        "TMPDIR": str(folder),
    }
    demo = [sys.executable, "-m", "presence.cli.main", "demo", "--frames", "600", "--rate", "20"]
    with (folder / "demo.txt").open("wb") as told:
        process = subprocess.Popen(demo, env=environment, stdout=told, stderr=told)
    try:
        yield Watched(f"http://{prometheus}", gateway_of(folder), folder, process)
    finally:
        process.send_signal(signal.SIGINT)  # Nothing happens if it has ended.
        process.wait(60)


def gateway_of(folder: Path) -> str:
    """Once it listens."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        for log in folder.glob("presence-demo-*/stack.log"):
            if found := re.search(r"listening\s+.*address=(\S+)", log.read_text(errors="replace")):
                return re.sub(r"\x1b\[\d*m", "", found[1])
        time.sleep(0.5)
    raise AssertionError((folder / "demo.txt").read_text())


def checked(*arguments: str, wait_s: int = WAIT_S) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, str(CHECK), "--wait", str(wait_s), *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=WAIT_S + 60,
    )


@pytest.fixture(scope="module")
def people(watched: Watched) -> Iterator[tuple[str, str]]:
    """Where `presence web` listens, and somebody who has a score."""
    address = f"127.0.0.1:{free_port()}"
    environment = os.environ | {"PRESENCE_GATEWAY": watched.gateway, "PRESENCE_KAFKA": "127.0.0.1:1"}
    web = [sys.executable, "-m", "presence.cli.main", "web", "--listen", address]
    process = subprocess.Popen(web, env=environment)
    try:
        deadline = time.monotonic() + WAIT_S
        top = [sys.executable, "-m", "presence.cli.main", "top", "--json"]
        while time.monotonic() < deadline:
            ran = subprocess.run(top, env=environment, check=False, capture_output=True, text=True)
            if found := re.search(r"p_\w+", ran.stdout):
                yield f"http://{address}", found[0]
                return
            time.sleep(0.5)
        raise AssertionError(ran.stderr)
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.usefixtures("people")
def test_every_panel_has_something_to_show(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    ran = checked("--prometheus", watched.prometheus)
    with capsys.disabled():
        sys.stdout.write(f"\n{ran.stdout}")
    assert ran.returncode == 0, ran.stderr
    assert len(ran.stdout.splitlines()) > 50


def test_the_gateway_says_of_one_person_what_the_dashboard_asks(people: tuple[str, str]) -> None:
    address, person = people
    with httpx.Client(base_url=address, timeout=30) as client:
        score = client.get(f"/v1/people/{person}/score").raise_for_status().json()
        reasons = client.get(f"/v1/people/{person}/reasons").raise_for_status().json()
        day_ms = 86_400_000
        now_ms = time.time_ns() // 1_000_000
        asked = {"from": now_ms - 7 * day_ms, "to": now_ms}
        days = client.get(f"/v1/people/{person}/history", params=asked).raise_for_status().json()["days"]
        assert 0 <= score["presence"] <= 100
        assert 0 <= score["confidence"] <= 1
        assert sum(row["points"] for row in reasons["reasons"]) == pytest.approx(reasons["presence"])
        assert all(0 <= day["presence"] <= 100 for day in days)
        assert client.get("/v1/people/p_nobody/score").status_code in {400, 404}
        assert client.get(f"/v1/people/{person}/history", params={"from": "x", "to": 1}).status_code == 400


@pytest.mark.usefixtures("people")
def test_a_renamed_metric_is_found(watched: Watched, tmp_path: Path) -> None:
    for file in CHECK.parent.glob("dashboards/*.json"):
        text = file.read_text().replace("presence_scoring_lag_records", "presence_scoring_behind_records")
        (tmp_path / file.name).write_text(text)
    ran = checked("--prometheus", watched.prometheus, "--dashboards", str(tmp_path), "--json", wait_s=0)
    assert ran.returncode == 1
    assert "presence_scoring_behind_records" in ran.stderr
    assert any(json.loads(line)["series"] == 0 for line in ran.stdout.splitlines())


@pytest.mark.usefixtures("people")
def test_nothing_that_prometheus_has_names_a_person(
    watched: Watched,
) -> None:
    answer = httpx.get(
        f"{watched.prometheus}/api/v1/series", params={"match[]": '{__name__=~".+"}'}, timeout=60
    )
    series = answer.raise_for_status().json()["data"]
    assert len(series) > 500
    labels = {name for each in series for name in each}
    assert labels.isdisjoint({"person", "account", "handle", "caller", "subject"})
    told = json.dumps(series)
    assert not re.search(r"p_[0-9a-z]{8,}|did:|https?://", told)


@pytest.mark.usefixtures("people")
def test_no_line_of_a_services_log_says_who_or_what(watched: Watched) -> None:
    (log,) = watched.folder.glob("presence-demo-*/stack.log")
    services = re.compile(r"\d\d:\d\d:\d\d (scoring|clock|gateway|associates) ")
    lines = [line for line in log.read_text(errors="replace").splitlines() if services.match(line)]
    assert any("partition opened" in line for line in lines)
    personal = re.compile(r"did:|@|\.bsky\.|https?://|p_[0-9a-z]{8,}|\bAda\b")
    assert [line for line in lines if personal.search(line)] == []


@pytest.mark.usefixtures("people")
def test_ctrl_c_ends_it_and_leaves_nothing_running(watched: Watched) -> None:
    """The last test of this file: there is no demonstration after it."""
    told, deadline = watched.folder / "demo.txt", time.monotonic() + WAIT_S
    while "presence watch" not in told.read_text() and time.monotonic() < deadline:
        time.sleep(0.5)
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(timeout=30) == 0
    assert "Ada" in told.read_text()
    assert "p99" in told.read_text()
    assert list(watched.folder.iterdir()) == [told]
