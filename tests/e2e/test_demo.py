"""The demonstration as a user starts it: an act goes in at a socket, a score and its reasons come out over gRPC."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from presence.ingest.network import names

DEMO = [sys.executable, "-m", "presence.cli.main", "demo"]


def test_once_json_tells_each_score_why_it_is_and_how_long_it_took(kafka: str) -> None:
    ran = subprocess.run(
        [*DEMO, "--once", "--json", "--frames", "600", "--rate", "300"],
        env=os.environ | {"PRESENCE_KAFKA": kafka},
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr.decode()
    told = json.loads(ran.stdout)
    people = told["people"]
    assert len(people) == 16
    assert [each["presence"] for each in people] == sorted(
        (each["presence"] for each in people), reverse=True
    )
    assert people[0]["presence"] > people[-1]["presence"]
    for each in people:
        assert each["model"] == "presence-1"
        assert set(each["pillars"]) == {"reach", "resonance", "expertise", "voice", "upkeep", "inbound"}
        assert sum(reason["millipoints"] for reason in each["waterfall"]) == each["presence"]
        assert 0 <= each["visibility"] <= 100_000
        assert 0 <= each["confidence"] <= 1_000_000
        assert each["events"] > 0
        assert 0 <= each["latency_ms"]["p50"] <= each["latency_ms"]["p99"]
    networks = {each["network"]: each for each in told["networks"]}
    assert set(networks) == set(names()), "every network that is installed is shown"
    presence = {each["person"]: each["presence"] for each in people}
    for each in networks.values():
        assert each["events"] == sum(each["said"].values()) > 0
        assert (
            each["change"] == sum(presence[person] for person in each["people"]) - each["presence_before"] > 0
        )
        assert each["events"] == each["latency_ms"]["acts"]
    assert told["latency_ms"] == networks["bluesky"]["latency_ms"]
    assert sum(each["events"] for each in networks.values()) == sum(
        each["latency_ms"]["acts"] for each in people
    )
    assert {"undo", "to like note", "by create note"} <= set(networks["bluesky"]["said"])
    assert networks["yelp"]["said"] == {"to review review": 3, "rating_stars": 1, "rating_count": 1}
    assert networks["glassdoor"]["said"] == {"to review review": 16}


def test_ctrl_c_ends_it_and_leaves_nothing_running(kafka: str, tmp_path: Path) -> None:
    environment = os.environ | {"PRESENCE_KAFKA": kafka, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [*DEMO, "--frames", "100", "--rate", "100"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as shown:
        deadline, text = time.monotonic() + 200, b""
        assert shown.stdout is not None
        while b"presence watch" not in text and time.monotonic() < deadline:
            text += shown.stdout.readline()
        shown.send_signal(signal.SIGINT)
        assert shown.wait(timeout=30) == 0
    assert b"Ada" in text
    assert b"p99" in text
    assert list(tmp_path.iterdir()) == []
