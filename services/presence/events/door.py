"""The door of the log: what does not pass here is bad input and never reaches the fold.

Ranges are those of the scoring model, section 2 ("What may be in a record"), and of the
field comments in `protos/presence/v1/event.proto`.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Decision, Direction, Event, Gauge, Kind, Severity, Verb

OCCURRED_MS_MIN = 1_072_915_200_000
"""2004-01-01T00:00Z: no network of today is older."""
FUTURE_MS_MAX = 600_000
"""Ten minutes: how far the clocks of two machines may be apart."""
TIME_MS_MAX = 2**53
"""The year 287,396: what a float64 still tells apart; far beyond any real time."""
MAGNITUDE_MAX = 1_000_000
RATING_MIN, RATING_MAX = 1_000, 5_000
NUMBER_MAX = 1_000_000
MEAN_MAX = 100_000
PERSON_CHARS_MAX = 200
SEALED_REF_BYTES_MAX = 4096
SEALED_NOTE_BYTES_MAX = 2_048
"""A note of 500 characters in any script, with its nonce and tag."""
CONFIDENCE_MAX = 1_000_000
ASSOCIATES_MAX = 50
"""How many are named; `number` says how many count."""
U64_MAX = 2**64 - 1

GAUGE_MAX: Mapping[Gauge, int] = MappingProxyType(
    {
        Gauge.FOLLOWERS: 10**12,
        Gauge.CONNECTIONS: 10**12,
        Gauge.PROFILE_COMPLETENESS: 100,
        Gauge.RATING_STARS: 5_000,
        Gauge.RATING_COUNT: 10**12,
    }
)

NETWORK = re.compile(r"[a-z0-9_-]{1,32}")
MODERATOR = re.compile(r"[a-z0-9_.-]{0,32}")
MODERATOR_VERSION = re.compile(r"[A-Za-z0-9_.+-]{0,32}")
OPERATOR = re.compile(r"[A-Za-z0-9:_.-]{0,64}")
"""An id of whoever decided: too narrow for a name with its spaces, or an address with its `@`."""


def check(event: Event) -> Event:
    """Return `event` itself if every field that its kind uses is present and in range.

    Raises InvalidEvent with a reason of one word: `time`, `id`, `person`, `network`, `verb`,
    `actor`, `magnitude`, `rating`, `gauge`, `value`, `ref`, `associates`, `flag`, `kind`.
    """
    checks = _BY_KIND.get(event.kind)
    if checks is None:
        raise InvalidEvent("kind", "a record needs a kind")
    _require("time", 0 < event.observed_ms <= TIME_MS_MAX, "observed_ms is out of range")
    for one in checks:
        one(event)
    return event


def _require(reason: str, holds: bool, message: str) -> None:
    if not holds:
        raise InvalidEvent(reason, message)


def _person(event: Event) -> None:
    _require("person", 0 < len(event.person) <= PERSON_CHARS_MAX, "person is empty or too long")
    _require(
        "person", len(event.actor_person) <= PERSON_CHARS_MAX, "actor_person is longer than a person's id"
    )
    _require("ref", len(event.sealed_ref) <= SEALED_REF_BYTES_MAX, "sealed_ref is too long")


def _everybody(event: Event) -> None:
    _require("person", not event.person, "a record for everybody names no person")


def _id(event: Event) -> None:
    _require("id", 0 <= event.id <= U64_MAX, "id is not an unsigned 64-bit number")


def _network(event: Event) -> None:
    _require("network", bool(NETWORK.fullmatch(event.network)), "network is not a short code")


def _account(event: Event) -> None:
    _network(event)
    _require("network", 0 <= event.account <= U64_MAX, "account is not an unsigned 64-bit number")


def _occurred(event: Event) -> None:
    _require("time", event.occurred_ms >= OCCURRED_MS_MIN, "occurred_ms is before 2004")
    _require(
        "time",
        event.occurred_ms <= event.observed_ms + FUTURE_MS_MAX,
        "occurred_ms is more than ten minutes after observed_ms",
    )


def _activity(event: Event) -> None:
    _require("verb", event.verb != Verb.UNSPECIFIED, "an activity needs a verb")
    _require("verb", event.direction != Direction.UNSPECIFIED, "an activity needs a direction")
    _require("actor", 0 <= event.actor <= U64_MAX, "actor is not an unsigned 64-bit number")
    received = event.direction == Direction.TO
    _require("actor", not received or event.actor != 0, "a received act needs an actor")
    if event.verb == Verb.REVIEW and received:
        _require("rating", RATING_MIN <= event.rating <= RATING_MAX, "rating is not 1_000 to 5_000")
    else:
        _require("magnitude", 1 <= event.magnitude <= MAGNITUDE_MAX, "magnitude is not 1 to 1_000_000")


def _gauge(event: Event) -> None:
    _require("gauge", event.gauge in GAUGE_MAX, "a gauge record needs a gauge")
    _require("value", 0 <= event.value <= GAUGE_MAX[event.gauge], "the gauge's value is out of range")


def _ref(event: Event) -> None:
    _require("ref", 0 <= event.ref_id <= U64_MAX, "ref_id is not an unsigned 64-bit number")


def _flag(event: Event) -> None:
    _require("flag", event.severity != Severity.UNSPECIFIED, "a flag needs a severity")
    _require("flag", bool(MODERATOR.fullmatch(event.moderator)), "moderator is not a short code")
    _require("flag", bool(MODERATOR_VERSION.fullmatch(event.moderator_version)), "that is no version")
    _require("flag", bool(OPERATOR.fullmatch(event.operator)), "operator is not a pseudonymous id")
    _require("flag", 0 <= event.confidence_micro <= CONFIDENCE_MAX, "confidence is not 0 to 1_000_000")
    decided = event.decision != Decision.UNSPECIFIED
    agrees = event.withdrawn == (event.decision == Decision.WITHDRAWN)
    _require("flag", agrees or not decided, "withdrawn is not what was decided")
    _require("flag", len(event.sealed_note) <= SEALED_NOTE_BYTES_MAX, "the note is too long")


def _associates(event: Event) -> None:
    _require("associates", 0 <= event.mean <= MEAN_MAX, "mean is not 0 to 100_000")
    _require("associates", 1 <= event.number <= NUMBER_MAX, "number is not 1 to 1_000_000")
    named = event.associates
    _require("associates", len(named) <= ASSOCIATES_MAX, "more than 50 associates are named")
    fine = all(0 < len(each) <= PERSON_CHARS_MAX for each in named)
    _require("associates", fine, "an associate is no person's id")


def _complete(event: Event) -> None:
    _require("time", 0 <= event.complete_ms <= TIME_MS_MAX, "complete_ms is out of range")


_BY_KIND: Mapping[Kind, tuple[Callable[[Event], None], ...]] = MappingProxyType(
    {
        Kind.ENROLLED: (_person, _id),
        Kind.ACTIVITY: (_person, _id, _account, _occurred, _activity),
        Kind.GAUGE: (_person, _id, _account, _gauge),
        Kind.UNDO: (_person, _id, _ref),
        Kind.FLAG: (_person, _id, _ref, _occurred, _flag),
        Kind.ASSOCIATES: (_person, _id, _associates),
        Kind.CLOCK: (_everybody,),
        Kind.WATERMARK: (_everybody, _network, _complete),
        Kind.UNLINKED: (_person, _account),
        Kind.ERASED: (_person,),
    }
)
