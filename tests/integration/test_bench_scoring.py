"""`presence bench scoring` as it is run where somebody wants to know, with a log that is small."""

import json
import os
import subprocess
import sys

EVENTS, PEOPLE, SECONDS = 4_000, 500, 1
LOADS = (20, 50)


def test_every_case_is_reported_and_every_event_is_counted(kafka: str) -> None:
    options = [
        "--events",
        EVENTS,
        "--people",
        PEOPLE,
        "--seconds",
        SECONDS,
        "--loads",
        "20,50",
        "--kafka",
        kafka,
    ]
    command = [sys.executable, "-m", "presence.cli.main", "bench", "scoring", "--json", *map(str, options)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    drain, sustained, *loads, recovery, restore = map(json.loads, done.stdout.splitlines())

    assert (drain["case"], drain["events"], drain["workers"]) == ("drain", EVENTS, 2)
    assert PEOPLE // 2 < drain["people"] <= PEOPLE
    for measured in ("cpu_seconds_per_million", "peak_megabytes_per_worker", "state_bytes_per_person"):
        assert drain[measured] > 0
    assert drain["state_bytes_per_event"] < drain["state_bytes_per_person"]
    assert (sustained["case"], sustained["events"]) == ("sustained", EVENTS)

    assert [(load["case"], load["load_percent"]) for load in loads] == [("latency", each) for each in LOADS]
    for load, percent in zip(loads, LOADS, strict=True):
        assert load["events_per_second"] == sustained["events_per_second"] * percent // 100
        assert load["events"] == load["events_per_second"] * SECONDS
        assert load["scores_sampled"] > 0
        assert 0 < load["p50_ms"] <= load["p99_ms"]

    assert (recovery["case"], recovery["silent_partitions"]) == ("recovery", 0)
    assert (restore["case"], restore["people"] >= drain["people"]) == ("restore", True)
