"""kill -9 at random moments: a replay goes on with --resume, and its scores are those of one that nobody disturbed."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl

from presence.cli.bench_rows import events

KILLS = int(os.environ.get("REPLAY_KILLS", "2"))
"""How many are tried; REPLAY_KILLS=20 for all of them."""
EVENTS, PEOPLE = 60_000, 2_000


def start(path: Path, data: Path, out: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = ["replay", "--from", str(path), "--to", "parquet", "--out", str(out), "--json", *arguments]
    return subprocess.Popen(
        [sys.executable, "-m", "presence.cli.main", *command],
        env=os.environ | {"PRESENCE_DATA": str(data)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_killed_replays_go_on_and_give_the_same_bytes(tmp_path: Path) -> None:
    log, undisturbed, out = tmp_path / "log", tmp_path / "undisturbed.parquet", tmp_path / "scores.parquet"
    log.mkdir()
    rows = events(EVENTS, PEOPLE).with_columns(offset=pl.int_range(EVENTS))
    for number, part in enumerate(rows.iter_slices(EVENTS // 20)):
        part.write_parquet(log / f"{number:02d}.parquet")
    whole, _ = start(log, tmp_path / "data", undisturbed, "--processes", "1").communicate(timeout=240)
    wanted = json.loads(whole)["digest"]

    chance = random.Random(3)
    work = tmp_path / "killed"
    for _ in range(KILLS):
        running = start(log, work, out, "--resume", "--processes", str(chance.choice((1, 2))))
        wait_for_files(running, work, chance.randrange(1, 22))
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=60)
        assert not out.exists()
        assert not list(tmp_path.glob(".*.part")), "a part of a result was left behind"
    finished = start(log, work, out, "--resume", "--processes", "1")
    last, _ = finished.communicate(timeout=240)
    assert json.loads(last)["digest"] == wanted
    assert out.read_bytes() == undisturbed.read_bytes()
    assert not [path for path in (work / "replay").rglob("*") if path.is_file()]


def wait_for_files(running: "subprocess.Popen[str]", work: Path, number: int) -> None:
    """Until so many more pieces or buckets are there: a moment in the middle of the work, however slow it is."""
    before = len(list(work.rglob("*.arrow")))
    while running.poll() is None:
        now = len(list(work.rglob("*.arrow")))
        if now >= min(before + number, 20):
            return
