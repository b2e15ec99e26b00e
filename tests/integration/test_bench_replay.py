"""`presence bench replay` as it is run where somebody wants to know, with logs that are small."""

import json
import os
import subprocess
import sys
from itertools import product
from pathlib import Path

CASES = ("scan", "group_by", "replay")


def bench(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "presence.cli.main", "bench", "replay", *arguments]
    return subprocess.run(command, env=os.environ, capture_output=True, text=True, check=False)


def test_every_case_is_measured_at_every_size_and_compared_with_the_smallest(tmp_path: Path) -> None:
    done = bench("--events", "20000,4000", "--files", str(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["case"], row["events"] // 1_000) for row in found] == [
        (case, size) for size, case in product((4, 20), CASES)
    ]
    cost: dict[str, float] = {}
    for row in found:
        assert row["peak_megabytes"] > 0
        assert row["events_per_second_and_core"] > 0
        smallest = cost.setdefault(row["case"], row["cpu_seconds_per_million"])
        assert row["cost_to_smallest"] == round(row["cpu_seconds_per_million"] / smallest, 2)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_no_number_of_events_is_named() -> None:
    done = bench("--events", "1M,many")
    assert done.returncode == 2
    assert "--events: many is no number above 0" in done.stderr
