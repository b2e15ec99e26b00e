"""A score of a past day as another model sees it: what had come by then, marked as never published."""

import json
from datetime import date
from pathlib import Path

import pytest
from tests.service.logs import DAY_MS, NOW_MS, events

from presence.cli.past import as_seen_by, day_of
from presence.events import lines
from presence.events.errors import CallerError
from presence.events.vocabulary import Event
from presence.model.columns import frame
from presence.model.evaluate import evaluate
from presence.model.fold import fold
from presence.model.spec import load
from presence.model.state import State

DAY = date(2026, 11, 19)
END_MS = ((DAY - date(1970, 1, 1)).days + 1) * DAY_MS


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[Event]]:
    monkeypatch.setenv("PRESENCE_DATA", str(tmp_path / "data"))
    told = list(events(3_000))
    path = tmp_path / "log.jsonl"
    path.write_text("".join(lines.write(event) + "\n" for event in told))
    return path, told


def test_only_what_had_come_by_the_end_of_the_day_counts(
    log: tuple[Path, list[Event]], capsys: pytest.CaptureFixture[str]
) -> None:
    path, told = log
    assert told[0].observed_ms == NOW_MS < END_MS < told[-1].observed_ms
    as_seen_by(["p_1"], DAY, Path("presence-1"), str(path), as_json=True)
    found = json.loads(capsys.readouterr().out)
    by_then = [event for event in told if event.observed_ms < END_MS]
    people = evaluate(fold(State.empty(), frame(by_then), load()).state, load()).people
    wanted = dict(people.select("person", "presence").iter_rows())["p_1"]
    assert (found["on"], found["as"], found["presence"]) == ("2026-11-19", "replayed", wanted)


def test_who_had_nothing_by_then_is_named(
    log: tuple[Path, list[Event]], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        as_seen_by(["p_1"], date(2026, 1, 1), Path("presence-1"), str(log[0]), as_json=True)
    assert ended.value.code == 1
    assert "p_1 has nothing" in capsys.readouterr().err


def test_a_day_is_written_as_a_day() -> None:
    assert day_of("2026-03-01") == date(2026, 3, 1)
    with pytest.raises(CallerError, match="yesterday"):
        day_of("yesterday")
