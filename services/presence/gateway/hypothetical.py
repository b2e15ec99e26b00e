"""Acts and findings that there are not: read from a request, and as events that the scoring model can fold.

Nothing here needs the model: a request is refused before anybody is asked for a state.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from presence.events import door
from presence.events.errors import InvalidEvent
from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    Object,
    PersonId,
    TimeQuality,
    Verb,
)
from presence.gateway.refusals import Violation, malformed
from presence.gateway.requests import DAYS_MAX
from presence.gateway.simulate import Finding
from presence.log.topics import DAY_MS
from presence.v1.service_pb2 import HypotheticalAct

ACTS_MAX = 20
TIMES_MAX = 1_000
TIMES_TOTAL_MAX = 5_000
_SPREAD = 0x9E37_79B9_7F4A_7C15
"""An odd constant: its multiples are different 64-bit numbers, spread over all of them, as actors' hashes are."""
_SOMEBODY = PersonId("p_" + "a" * 26)
_SOME_MS = door.OCCURRED_MS_MIN


class Act(NamedTuple):
    """An act, so many times on a day counted from that of the score; its event lacks whose and when."""

    event: Event
    times: int
    in_days: int


def acts(field: str, given: Sequence[HypotheticalAct]) -> list[Act]:
    """Hypothetical acts. Raises Refused for too many, or for one that the log would not take."""
    if len(given) > ACTS_MAX:
        raise malformed([Violation(field, f"must hold {ACTS_MAX} acts at most, not {len(given)}")])
    found, violations = [], []
    for index, one in enumerate(given):
        path = f"{field}[{index}]"
        if not 0 <= one.times <= TIMES_MAX:
            violations.append(Violation(f"{path}.times", f"must be 1 to {TIMES_MAX}, or 0 for 1"))
        elif not 0 <= one.in_days <= DAYS_MAX:
            violations.append(Violation(f"{path}.in_days", f"must be 0 to {DAYS_MAX}"))
        else:
            try:
                found.append(Act(_event(one), one.times or 1, one.in_days))
            except (InvalidEvent, ValueError) as error:
                violations.append(Violation(path, f"no act that can be: {error}"))
    if not violations and sum(act.times for act in found) > TIMES_TOTAL_MAX:
        violations.append(Violation(field, f"must be {TIMES_TOTAL_MAX} times in all at most"))
    if violations:
        raise malformed(violations)
    return found


def _event(one: HypotheticalAct) -> Event:
    direction = Direction(one.direction) or Direction.TO
    return door.check(
        Event(
            kind=Kind.ACTIVITY,
            person=_SOMEBODY,
            network=Network(one.network),
            direction=direction,
            verb=Verb(one.verb),
            object=Object(one.object),
            actor=ActorHash(direction is Direction.TO),
            occurred_ms=_SOME_MS,
            observed_ms=_SOME_MS,
            time_quality=TimeQuality.EXACT,
            magnitude=1,
            rating=one.rating,
        )
    )


def events(
    person: PersonId,
    as_of_ms: int,
    wanted: tuple[Sequence[Act], Sequence[Finding]],
    accounts: dict[str, int],
    taken: frozenset[int],
) -> list[Event]:
    """What was asked for as events of `person`, counted from `as_of_ms`.

    `accounts`: the account that acts on a network are of, the number 1 for one on which there is none yet; `taken`:
    ids of findings that there are.
    """
    found: list[Event] = []
    numbers = _numbers()
    for act in wanted[0]:
        at_ms = as_of_ms + act.in_days * DAY_MS
        for number, _ in zip(numbers, range(act.times), strict=False):
            received = act.event.direction is Direction.TO
            found.append(
                replace(
                    act.event,
                    id=EventId(number),
                    person=person,
                    account=AccountHash(accounts.get(act.event.network, 1)),
                    actor=ActorHash(number if received else 0),
                    occurred_ms=at_ms,
                    observed_ms=at_ms,
                )
            )
    for finding in wanted[1]:
        at_ms = as_of_ms + finding.in_days * DAY_MS
        found.append(
            Event(
                kind=Kind.FLAG,
                id=EventId(next(numbers)),
                person=person,
                ref_id=EventId(next(number for number in numbers if number not in taken)),
                severity=finding.severity,
                occurred_ms=at_ms,
                observed_ms=at_ms,
            )
        )
    return found


def _numbers() -> Iterator[int]:
    """Different numbers of 64 bits."""
    number = 0
    while True:
        number = (number + _SPREAD) % 2**64
        yield number
