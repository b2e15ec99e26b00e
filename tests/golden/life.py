"""The archetypes of the model's page as logs of one year: who they are, and everything that happens to them.

Nothing here is random, and nothing here knows the model: a life is told in acts. Days count from
YEAR_STARTS_MS, a Monday; a life may reach back before it.
"""

import hashlib
from typing import Any

from presence.events.vocabulary import (
    AccountHash,
    ActorHash,
    Direction,
    Event,
    EventId,
    Gauge,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    Severity,
    Verb,
)

DAY_MS = 86_400_000
YEAR_STARTS_MS = 1_736_121_600_000
"""Monday, 2025-01-06T00:00Z."""
WEEKS = 52

PUBLISH = {"direction": Direction.BY, "verb": Verb.CREATE}
POST = {**PUBLISH, "object": Object.NOTE}
ARTICLE = {**PUBLISH, "object": Object.ARTICLE}
COMMENT = {**POST, "in_reply_to_other": True}
APPLAUD = {"direction": Direction.BY, "verb": Verb.LIKE, "object": Object.NOTE}
LIKE = {"direction": Direction.TO, "verb": Verb.LIKE, "object": Object.NOTE}
REPLY = {
    "direction": Direction.TO,
    "verb": Verb.CREATE,
    "object": Object.NOTE,
    "in_reply_to_other": True,
}
SHARE = {"direction": Direction.TO, "verb": Verb.ANNOUNCE, "object": Object.NOTE}
MENTION = {"direction": Direction.TO, "verb": Verb.MENTION, "object": Object.NOTE}
RECOMMEND = {"direction": Direction.TO, "verb": Verb.RECOMMEND, "object": Object.PROFILE}
MESSAGE = {"direction": Direction.TO, "verb": Verb.MESSAGE}
INVITE = {"direction": Direction.TO, "verb": Verb.INVITE}
CALL = {"direction": Direction.TO, "verb": Verb.CALL}
REVIEW = {"direction": Direction.TO, "verb": Verb.REVIEW, "object": Object.PAGE}


class Life:
    """One person's log, told act by act; `events` is in the order of observation."""

    def __init__(self, name: str, kind: PersonKind = PersonKind.PERSON) -> None:
        self.person = PersonId(name)
        self._events: list[Event] = []
        self._add(Kind.ENROLLED, -1, "", person_kind=kind)

    @property
    def events(self) -> list[Event]:
        return sorted(self._events, key=lambda event: event.observed_ms)

    def act(self, day: int, network: str, act: dict[str, Any], by: int = 0, **more: Any) -> None:
        """`by`: the actor, for what others do."""
        more = {"magnitude": 1, **act, **more}
        self._add(Kind.ACTIVITY, day, network, **more, actor=ActorHash(by), occurred_ms=at(day))

    def shows(self, day: int, network: str, **gauges: int) -> None:
        for name, value in gauges.items():
            self._add(Kind.GAUGE, day, network, gauge=Gauge[name.upper()], value=value)

    def flagged(self, day: int, severity: Severity) -> None:
        ref_id = number(self.person, f"flag {day}")
        self._add(Kind.FLAG, day, "", severity=severity, ref_id=ref_id, occurred_ms=at(day))

    def lose(self, index: int) -> None:
        """Forget one record, as a log must not."""
        del self._events[index]

    def _add(self, kind: Kind, day: int, network: str, **fields: Any) -> None:
        native = f"{kind.name} {network} {len(self._events)}"
        account = number(self.person, f"account on {network}") if network else 0
        self._events.append(
            Event(
                kind=kind,
                person=self.person,
                id=EventId(number(self.person, native)),
                network=Network(network),
                account=AccountHash(account),
                observed_ms=at(day) + 1_000,
                **fields,
            )
        )


def at(day: int) -> int:
    """Noon of a day of the year."""
    return YEAR_STARTS_MS + day * DAY_MS + DAY_MS // 2


def number(*words: str) -> int:
    """An unsigned 64-bit number for words: the same ones, the same number."""
    return int.from_bytes(hashlib.sha256(" ".join(words).encode()).digest()[:8], "big")


def crowd(size: int) -> list[int]:
    """So many actors, spread over the slots as hashes are."""
    return [number("actor", str(n)) or 1 for n in range(size)]
