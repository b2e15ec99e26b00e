"""What people decide about findings, as records that win over what they decide about."""

import random

import pytest

from presence.conduct.deciding import NOTE_CHARS_MAX, decided, found
from presence.events.errors import CallerError, InvalidEvent
from presence.events.vocabulary import Category, Decision, Event, Grounds, PersonId, Severity
from presence.model.columns import frame
from presence.model.evaluate import evaluate
from presence.model.fold import fold
from presence.model.spec import load
from presence.model.state import State
from presence.roster.keys import DataKey

ADA, KEY, NOW_MS = PersonId("p_ada"), DataKey(bytes(32)), 1_790_000_000_000


def finding(token: str = "one", note: str = "", occurred_ms: int = NOW_MS) -> Event:
    return found(
        ADA, KEY, severity=Severity.SEVERE, category=Category.HATE, occurred_ms=occurred_ms, now_ms=NOW_MS,
        operator="key:desk", note=note, token=token,
    )  # fmt: skip


def withdrawn(events: list[Event]) -> list[bool]:
    shown: list[bool] = fold(State.empty(), frame(events), load()).state.flags["withdrawn"].to_list()
    return shown


def test_the_same_token_is_the_same_finding() -> None:
    assert finding().ref_id == finding().ref_id != finding("another").ref_id


def test_the_last_decision_stands_in_any_order_and_by_any_clock() -> None:
    first = finding()
    # The desk's clock is an hour behind.
    second = decided(
        first, KEY, Decision.WITHDRAWN, now_ms=NOW_MS - 3_600_000, operator="key:b", grounds=Grounds.MISTAKE
    )
    third = decided(second, KEY, Decision.FOUND, now_ms=NOW_MS - 3_600_000, operator="key:c")
    for upto, stands in ((1, False), (2, True), (3, False)):
        events = [first, second, third][:upto]
        random.Random(upto).shuffle(events)
        assert withdrawn(events * 2) == [stands]


def test_an_appeal_changes_nothing_of_the_score() -> None:
    first = finding()
    appealed = decided(
        first, KEY, Decision.APPEALED, now_ms=NOW_MS + 1, operator="token:1", note="It was a play."
    )
    factors = [
        evaluate(fold(State.empty(), frame(events), load()).state, load()).people["factor"].to_list()
        for events in ([first], [first, appealed])
    ]
    assert factors[0] == factors[1]
    assert factors[0][0] < 200_000
    with pytest.raises(CallerError, match="nothing to appeal"):
        decided(
            decided(first, KEY, Decision.WITHDRAWN, now_ms=NOW_MS, operator=""), KEY, Decision.APPEALED,
            now_ms=NOW_MS, operator="",
        )  # fmt: skip


def test_a_note_is_sealed_with_the_persons_key_and_bounded() -> None:
    event = finding(note="ü" * NOTE_CHARS_MAX)
    assert KEY.open(ADA, event.sealed_note) == "ü" * NOTE_CHARS_MAX
    with pytest.raises(CallerError, match="500 characters"):
        finding(note="x" * (NOTE_CHARS_MAX + 1))
    with pytest.raises(InvalidEvent):
        finding(occurred_ms=1)
