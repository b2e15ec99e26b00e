"""The year of each archetype, scored weekly, is what it was when the model was published."""

from pathlib import Path

import pytest
from tests.golden.archetypes import LIVES, bot
from tests.golden.record import record
from tests.golden.weekly import SCORES, Week, differences, weekly, write
from tests.oracle.engines import Core, Oracle

from presence.events import lines
from presence.events.errors import CallerError

CORE = Core()
MODEL = CORE.model.name
BAD_LOG = Path(__file__).with_name("bad_log.jsonl")
NAMES = sorted(path.stem for path in SCORES.glob("*.jsonl"))
LAST = 52

ABOUT = {
    "steady_expert": {4: 46, 13: 57, LAST: 70},
    "three_networks": {LAST: 57},
    "celebrity": {LAST: 49},
    "median_human": {LAST: 39},
    "viral_post": {1: 26, 13: 21, LAST: 11},
    "bot": {LAST: 20},
    "silent_profile": {LAST: 10},
    "expert_flagged_1_days_ago": {LAST: 7},
    "expert_flagged_30_days_ago": {LAST: 11},
    "expert_flagged_90_days_ago": {LAST: 22},
    "expert_flagged_180_days_ago": {LAST: 39},
    "business_3_reviews": {LAST: 41},
    "business_300_reviews": {LAST: 52},
    "business_40_reviews": {LAST: 12},
    "business_0_reviews": {LAST: 34},
}
"""The page's table: week -> points, about. The table's lives are not these to the act; ABOUT_POINTS apart is the same."""
ABOUT_POINTS = 3


@pytest.fixture(scope="module")
def told() -> dict[str, list[Week]]:
    return weekly(CORE, [live() for live in LIVES])


def assert_golden(person: str, weeks: list[Week]) -> None:
    kept = (SCORES / f"{person}.jsonl").read_text()
    changed = differences(kept, write(weeks, MODEL))
    shown = "\n".join(changed[:5])
    assert not changed, (
        f"{MODEL} no longer says of {person} what it said: {len(changed)} figures differ.\n{shown}\n"
        "A published model never changes: undo this, or give the model a new name, say why in its file, and "
        "run `python -m tests.golden.record`."
    )


def test_every_year_is_scored_as_it_was_published(told: dict[str, list[Week]]) -> None:
    assert sorted(told) == NAMES
    assert len(NAMES) >= 10
    for person in NAMES:
        assert len(told[person]) == LAST
        assert_golden(person, told[person])


@pytest.mark.parametrize("person", sorted(ABOUT))
def test_the_archetypes_look_like_the_table_of_the_page(told: dict[str, list[Week]], person: str) -> None:
    for week, points in ABOUT[person].items():
        presence = told[person][week - 1]["presence"]
        assert abs(presence - 1000 * points) <= 1000 * ABOUT_POINTS, (week, presence)


def test_the_oracle_tells_the_same_year() -> None:
    for person, weeks in weekly(Oracle(), [bot()]).items():
        assert_golden(person, weeks)


def test_a_log_that_lost_one_record_fails_the_check() -> None:
    life = bot()
    life.lose(10)
    with pytest.raises(AssertionError, match=r"(?s)no longer says of bot.*presence was.*new name"):
        assert_golden("bot", weekly(CORE, [life])["bot"])


def test_a_log_with_a_record_that_does_not_pass_the_door_is_refused_by_line() -> None:
    with BAD_LOG.open("rb") as file, pytest.raises(CallerError, match="line 4: rating"):
        list(lines.read(file))


def test_a_golden_is_only_replaced_by_a_model_of_another_name(tmp_path: Path) -> None:
    was, now = '{"model": "m-1", "week": 1, "presence": 7}\n', '{"model": "m-1", "week": 1, "presence": 8}\n'
    renamed = now.replace("m-1", "m-2")
    assert record({"ada": was}, "m-1", tmp_path) == []
    assert "new name" in record({"ada": now}, "m-1", tmp_path)[0]
    assert (tmp_path / "ada.jsonl").read_text() == was
    assert record({"ada": renamed}, "m-2", tmp_path) == []
    assert (tmp_path / "ada.jsonl").read_text() == renamed
