"""The command as a user runs it: a process, a file in, lines out."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from presence.cli.context import exit_on_error
from presence.cli.model import app
from presence.model import spec
from presence.model.spec import PILLARS

NOW_MS = 20_780 * 86_400_000
EVENTS = [
    {"kind": "ENROLLED", "person": "shop", "person_kind": "BUSINESS", "observed_ms": NOW_MS},
    {"kind": "GAUGE", "person": "ada", "network": "blog", "account": 2**64 - 1, "gauge": "FOLLOWERS"}
    | {"value": 900, "observed_ms": NOW_MS - 86_400_000 * 90},
    {"kind": "ACTIVITY", "person": "ada", "id": 1, "network": "blog", "account": 2**64 - 1, "direction": "BY"}
    | {"verb": "Create", "object": "Article", "magnitude": 1, "occurred_ms": NOW_MS, "observed_ms": NOW_MS},
    {"kind": "CLOCK", "observed_ms": NOW_MS},
]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return written(tmp_path / "events.jsonl", EVENTS)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@dataclass
class Done:
    """What a command printed, and its exit code."""

    stdout: str
    stderr: str
    code: int


class Command:
    """`presence model`, run in this process as `presence` runs it."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: object, code: int = 0) -> Done:
        with pytest.raises(SystemExit) as ended, exit_on_error():
            app([*map(str, arguments)])
        done = Done(*self._capsys.readouterr(), code=int(ended.value.code or 0))
        assert done.code == code, done.stderr
        return done

    def objects(self, *arguments: object) -> list[dict[str, Any]]:
        return [json.loads(row) for row in self.run(*arguments, "--json").stdout.splitlines()]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


def test_it_runs_as_a_process_that_reads_standard_input() -> None:
    lines = "".join(json.dumps(row) + "\n" for row in EVENTS)
    arguments = [sys.executable, "-m", "presence.cli.model", "evaluate", "--events", "-", "--json"]
    done = subprocess.run(arguments, input=lines, capture_output=True, text=True, check=True, timeout=60)
    assert [json.loads(row)["person"] for row in done.stdout.splitlines()] == ["ada", "shop"]


def test_evaluate_prints_one_object_per_person_that_adds_up(command: Command, events: Path) -> None:
    ada, shop = command.objects("evaluate", "--events", events, "--as-of", "2026-11-23T00:00:00Z")
    assert (ada["person"], ada["kind"], ada["model"]) == ("ada", "person", "presence-1")
    assert (shop["person"], shop["kind"]) == ("shop", "business")
    assert list(ada["pillars"]) == list(PILLARS)
    assert ada["presence"] == sum(entry["millipoints"] for entry in ada["waterfall"]) > 0
    (account,) = ada["accounts"]
    assert (account["network"], account["account"]) == ("blog", 2**64 - 1)
    assert list(account["shares"]) == list(PILLARS)
    wanted = [
        "person",
        "kind",
        "model",
        "presence",
        "visibility",
        "pillars",
        "reviews",
        "associates",
        "factor",
    ]
    wanted += ["evidence", "confidence", "generosity", "accounts", "waterfall"]
    assert list(ada)[: len(wanted)] == wanted


def test_the_commands_kind_goes_before_the_logs(command: Command, events: Path) -> None:
    assert {row["kind"] for row in command.objects("evaluate", "--events", events, "--kind", "business")} == {
        "business"
    }


def test_a_bad_line_prints_nothing_but_its_number_and_the_exit_code_is_2(
    command: Command, tmp_path: Path
) -> None:
    path = written(tmp_path / "bad.jsonl", [*EVENTS, EVENTS[2] | {"magnitude": -1}])
    done = command.run("evaluate", "--events", path, "--json", code=2)
    assert done.stdout == ""
    assert done.stderr.startswith("presence: line 5: magnitude")


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "--events", "nowhere.jsonl"),
        ("evaluate", "--events", "/dev/null", "--as-of", "yesterday"),
        ("evaluate", "--events", "/dev/null", "--model", "nowhere.toml"),
        ("evaluate", "--events", "/dev/null", "--kind", "robot"),
        ("explain", "--events", "/dev/null", "--person", "nobody"),
        ("simulate", "--events", "/dev/null"),
        ("simulate", "--events", "/dev/null", "--flag", "huge"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_with_exit_code_2(
    command: Command, arguments: tuple[str, ...]
) -> None:
    done = command.run(*arguments, code=2)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_explain_since_adds_up_and_names_what_came_in_between(command: Command, events: Path) -> None:
    (ada,) = command.objects("explain", "--events", events, "--person", "ada", "--since", "2026-10-01")
    assert sum(entry["millipoints"] for entry in ada["change"]) == ada["presence"] - ada["before"]
    assert [event["verb"] for event in ada["between"]] == ["CREATE"]
    assert "Article" not in command.run("explain", "--events", events, "--person", "ada").stdout


def test_simulate_says_what_other_events_a_flag_and_silence_would_do(
    command: Command, events: Path, tmp_path: Path
) -> None:
    more = written(tmp_path / "more.jsonl", [EVENTS[2] | {"id": 7}])
    ada, shop = command.objects("simulate", "--events", events, "--what-if", more)
    assert ada["after"] - ada["before"] == sum(entry["millipoints"] for entry in ada["change"]) > 0
    assert shop["change"] == []
    flagged = command.objects("simulate", "--events", events, "--flag", "severe", "--days", 60)[0]["points"]
    stopped = command.objects("simulate", "--events", events, "--stop", "--days", 60)[0]["points"]
    assert [point["days"] for point in flagged] == [point["days"] for point in stopped] == [0, 30, 60]
    assert flagged[0]["presence"] < flagged[1]["presence"]
    assert stopped[0]["presence"] > stopped[1]["presence"]


def test_diff_shows_what_another_model_makes_of_the_same_events(
    command: Command, events: Path, tmp_path: Path
) -> None:
    other = tmp_path / "presence-2.toml"
    text = spec.PACKAGED.read_text().replace('name = "presence-1"', 'name = "presence-2"')
    other.write_text(
        text.replace("half_life_days = 30\nfull_at = 40", "half_life_days = 30\nfull_at = 80", 1)
    )
    ada, shop = command.objects("diff", "presence-1", other, "--events", events)
    assert ada["models"] == ["presence-1", "presence-2"]
    assert ada["difference"] == ada["presence"][1] - ada["presence"][0] == sum(ada["entries"].values()) < 0
    assert shop["difference"] == 0
    assert "pillars.voice.full_at" in command.run("diff", "presence-1", other, "--events", events).stdout


def test_describe_tells_every_number_and_curves_are_pictures(command: Command, tmp_path: Path) -> None:
    (told,) = command.objects("describe")
    assert told["hash"] == spec.load().hash
    assert told["conduct"]["severe"] == 2_300_000
    assert "2,300,000" in command.run("describe").stdout
    names = command.run("curves", "--out", tmp_path / "img").stdout.split()
    assert [Path(name).name for name in names] == ["saturation.svg", "decay.svg", "recovery.svg"]
    shipped = Path(__file__).parents[3] / "docs" / "img"
    for name in names:
        assert Path(name).read_bytes() == (shipped / Path(name).name).read_bytes(), (
            "run `presence model curves --out docs/img`"
        )
