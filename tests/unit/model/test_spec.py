import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from presence.events.errors import CallerError
from presence.events.vocabulary import Direction, Object, Verb
from presence.model import spec
from presence.model.signals import signal_table

PACKAGED = spec.PACKAGED.read_text()


def numbers(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where every number of a model file is."""
    children = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for key, value in children:
        if isinstance(value, int) and not isinstance(value, bool):
            yield (*path, key)
        yield from numbers(value, (*path, key))


NUMBERS = list(numbers(tomllib.loads(PACKAGED)))


def moved(path: tuple[Any, ...], by: int) -> spec.Model:
    """The packaged model with one number changed; sums over several keys are not checked."""
    content = tomllib.loads(PACKAGED)
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] += by
    return msgspec.convert(content, spec.Model)


@pytest.mark.parametrize("path", NUMBERS, ids=lambda path: ".".join(map(str, path)))
def test_the_hash_differs_if_any_number_differs(path: tuple[Any, ...]) -> None:
    try:
        changed = moved(path, 1)
    except msgspec.ValidationError:
        changed = moved(path, -1)
    assert changed.hash != spec.load().hash


def test_the_hash_is_of_the_content_not_of_its_spelling() -> None:
    spelled = PACKAGED.replace("# ", "#  ").replace("4_398_046_511_104", "4398046511104")
    assert spelled != PACKAGED
    assert spec.parse(spelled.encode()).hash == spec.load().hash
    assert re.fullmatch("[0-9a-f]{16}", spec.load().hash)


BAD = [
    ("name =", "nam =", "nam"),
    ("half_life_days = 30", "half_life_days = 0", r"\$\.pillars\.voice\.half_life_days"),
    ("half_life_days = 30", "half_life_days = 30.5", r"\$\.pillars\.voice\.half_life_days"),
    ("half_life_days = 30", 'half_life_days = "30"', r"\$\.pillars\.voice\.half_life_days"),
    ("factor_min = 50_000", "", "`factor_min`.*\\$\\.conduct"),
    ("factor_min = 50_000", "factor_min = 50_000\nmercy = 1", r"`mercy`.*\$\.conduct"),
    ("minor = 100_000", "minor = -1", r"\$\.conduct\.minor"),
    ("credibility = 1000", "credibility = 1001", r"\$\.networks\[.*\]\.credibility"),
    ("code = 2\n", "code = 1\n", r"POST has this code too.*\$\.signals\.ARTICLE\.code"),
    ('verb = "Mention"', 'verb = "Like"', r"LIKE claims it too.*\$\.signals\.MENTION\.acts\[0\]"),
    ('direction = "by"', 'direction = "from"', r"\$\.signals\[.*\]\.direction"),
    ("POST = 1000", "POSTS = 1000", r"POSTS is no signal.*\$\.pillars\.voice\.weights"),
    ('signal = "FOLLOW"', 'signal = "FOLLOWS"', r"FOLLOWS is no signal.*\$\.reach\.signal"),
    ('gauges = ["FOLLOWERS"', 'gauges = ["FANS"', r"FANS is no gauge.*\$\.reach\.gauges"),
    ('without = ["VIEW"', 'without = ["VIEWS"', r"VIEWS is no signal.*\$\.evidence\.without"),
    ('stars_to = "REVIEW_STARS"', 'stars_to = "STARS"', r"\$\.signals\.REVIEW\.stars_to"),
    ("[kinds.person]", "[kinds.person", "not TOML"),
]

CONTRADICTIONS = [
    ("slots = 64", "slots = 63", "must be a power of two - at `$.slots`"),
    (
        "stale_thousandths = 300",
        "stale_thousandths = 301",
        "with stale_thousandths it must not be above 1000 - at `$.upkeep.fresh_thousandths`",
    ),
    ("full_at = 40", "", "only resonance is full at the network's number - at `$.pillars.voice.full_at`"),
    (
        "reach = 10, resonance",
        "reach = 11, resonance",
        "the pillars must add up to 100 - at `$.kinds.person.percent`",
    ),
    (
        'verb = "Mention"',
        'verb = "Menton"',
        "'Menton' is not a word of Verb - at `$.signals.MENTION.acts[0]`",
    ),
    ("reach = 4", "reach = 5", "the tenths must add up to 10 - at `$.visibility`"),
    ('signals = ["', 'signals = ["NO", "', "NO is no signal of this model - at `$.upkeep.signals`"),
    ('signal = "REVIEW"', 'signal = "NO"', "NO is no signal of this model - at `$.reviews.signal`"),
    (
        'stars_signal = "',
        'stars_signal = "NO',
        "NOREVIEW_STARS is no signal of this model - at `$.reviews.stars_signal`",
    ),
]
"""What no single key shows."""


@pytest.mark.parametrize(("old", "new", "message"), CONTRADICTIONS, ids=[new for _, new, _ in CONTRADICTIONS])
def test_a_model_that_contradicts_itself_is_refused_in_these_words(old: str, new: str, message: str) -> None:
    assert old in PACKAGED
    with pytest.raises(CallerError) as refused:
        spec.parse(PACKAGED.replace(old, new, 1).encode())
    assert str(refused.value) == f"model: {message}"


def test_one_slot_is_a_power_of_two_and_other_models_have_other_hashes() -> None:
    one = spec.parse(PACKAGED.replace("slots = 64", "slots = 1").encode())
    assert one.slots == 1
    assert hash(one) != hash(spec.load()) == hash(spec.parse(PACKAGED.encode()))


@pytest.mark.parametrize(("old", "new", "message"), BAD, ids=[new or f"no {old}" for old, new, _ in BAD])
def test_a_bad_model_file_is_refused_by_the_exact_key(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    file = tmp_path / "mine.toml"
    assert old in PACKAGED
    file.write_text(PACKAGED.replace(old, new, 1))
    with pytest.raises(CallerError, match=f"(?s)^mine.toml: .*{message}"):
        spec.load(file)


def test_a_model_file_that_is_not_there_or_no_text_or_huge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="No such file"):
        spec.load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CallerError, match="not TOML"):
        spec.load(tmp_path / "bytes.toml")
    (tmp_path / "huge.toml").write_bytes(b"#" * (spec.FILE_BYTES_MAX + 1))
    with pytest.raises(CallerError, match="longer than"):
        spec.load(tmp_path / "huge.toml")
    filled = PACKAGED.encode() + b"#" * (spec.FILE_BYTES_MAX - len(PACKAGED.encode()))
    (tmp_path / "huge.toml").write_bytes(filled)
    assert spec.load(tmp_path / "huge.toml").hash == spec.load().hash


def signal_of(direction: Direction, verb: Verb, thing: Object, reply: bool) -> str | None:
    """The page's table of section 3, as a person reads it."""
    by = {
        (Verb.CREATE, Object.NOTE): "COMMENT" if reply else "POST",
        (Verb.CREATE, Object.IMAGE): "POST",
        (Verb.CREATE, Object.EVENT): "POST",
        (Verb.CREATE, Object.ARTICLE): "ARTICLE",
        (Verb.CREATE, Object.VIDEO): "ARTICLE",
        (Verb.CREATE, Object.ANSWER): "ARTICLE",
        (Verb.CREATE, Object.REPOSITORY): "ARTICLE",
        (Verb.UPDATE, Object.PROFILE): "PROFILE_UPDATE",
    }
    by_any = dict.fromkeys([Verb.LIKE, Verb.ANNOUNCE, Verb.ENDORSE, Verb.FOLLOW, Verb.JOIN], "APPRECIATION")
    to = {(Verb.CREATE, Object.NOTE): "REPLY" if reply else None, (Verb.ACCEPT, Object.ANSWER): "ENDORSEMENT"}
    to_any = {
        Verb.LIKE: "LIKE",
        Verb.QUOTE: "REPLY",
        Verb.ANNOUNCE: "SHARE",
        Verb.MENTION: "MENTION",
        Verb.FOLLOW: "FOLLOW",
        Verb.ENDORSE: "ENDORSEMENT",
        Verb.STAR: "ENDORSEMENT",
        Verb.RECOMMEND: "ENDORSEMENT",
        Verb.MESSAGE: "INQUIRY",
        Verb.CALL: "INQUIRY",
        Verb.CONTACT_FORM: "INQUIRY",
        Verb.JOB_APPROACH: "INQUIRY",
        Verb.INVITE: "CONNECTION_REQUEST",
        Verb.VIEW: "VIEW",
        Verb.REVIEW: "REVIEW",
    }
    if direction == Direction.BY:
        return by.get((verb, thing), by_any.get(verb))
    return to.get((verb, thing), to_any.get(verb)) if direction == Direction.TO else None


def test_the_table_of_signals_is_the_pages_for_every_combination() -> None:
    model = spec.load()
    table = signal_table(model).by_act.reshape(len(Direction), len(Verb), len(Object), 2)
    names: dict[int, str | None] = {signal.code: name for name, signal in model.signals.items()} | {0: None}
    for direction in Direction:
        for verb in Verb:
            for thing in Object:
                for reply in (False, True):
                    found = names[int(table[direction, verb, thing, int(reply)])]
                    assert found == signal_of(direction, verb, thing, reply), (direction, verb, thing, reply)


def test_a_network_that_the_model_does_not_name_has_the_default() -> None:
    model = spec.load()
    assert model.network("orkut") == model.network_default
    assert model.network("x").reach_full_at == 1_000_000
