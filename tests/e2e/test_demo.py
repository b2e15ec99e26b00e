"""The demonstration as a user starts it: an act goes in at a socket, a score and its reasons come out over gRPC."""

import json
import os
import subprocess
import sys

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
