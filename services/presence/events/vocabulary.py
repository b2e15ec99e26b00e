"""The log's one message and its words, as frozen data. Standard library only.

The numbers of the enums are those of `protos/presence/v1/event.proto`, where each word is
explained; the words are those of ActivityStreams 2.0 where it has one.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import NewType, Self

PersonId = NewType("PersonId", str)
EventId = NewType("EventId", int)
AccountHash = NewType("AccountHash", int)
ActorHash = NewType("ActorHash", int)
Network = NewType("Network", str)

NOBODY = PersonId("")
THE_PERSON = ActorHash(0)


class Word(IntEnum):
    """An enum that can be read by any usual spelling of its names."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """The member that `text` names: `JobApproach`, `JOB_APPROACH` and `job_approach` are one.

        Raises ValueError for a word that is not in the vocabulary.

        >>> Verb.parse("JobApproach")
        <Verb.JOB_APPROACH: 14>
        """
        wanted = text.replace("_", "").casefold()
        for member in cls:
            if member.name.replace("_", "").casefold() == wanted and member:
                return member
        raise ValueError(f"{text!r} is not a word of {cls.__name__}")


class Kind(Word):
    UNSPECIFIED = 0
    ENROLLED = 1
    ACTIVITY = 2
    GAUGE = 3
    UNDO = 4
    FLAG = 5
    ASSOCIATES = 6
    CLOCK = 7
    WATERMARK = 8
    UNLINKED = 9
    ERASED = 10


class PersonKind(Word):
    UNSPECIFIED = 0
    PERSON = 1
    BUSINESS = 2


class Direction(Word):
    UNSPECIFIED = 0
    BY = 1
    TO = 2


class Verb(Word):
    UNSPECIFIED = 0
    CREATE = 1
    UPDATE = 2
    LIKE = 3
    ANNOUNCE = 4
    FOLLOW = 5
    MENTION = 6
    ENDORSE = 7
    ACCEPT = 8
    STAR = 9
    RECOMMEND = 10
    MESSAGE = 11
    CALL = 12
    CONTACT_FORM = 13
    JOB_APPROACH = 14
    INVITE = 15
    VIEW = 16
    REVIEW = 17
    JOIN = 18
    QUOTE = 19


class Object(Word):
    UNSPECIFIED = 0
    NOTE = 1
    ARTICLE = 2
    IMAGE = 3
    VIDEO = 4
    EVENT = 5
    ANSWER = 6
    REPOSITORY = 7
    PROFILE = 8
    PAGE = 9
    REVIEW = 10


class TimeQuality(Word):
    UNSPECIFIED = 0
    EXACT = 1
    DAY = 2
    UNKNOWN = 3


class Gauge(Word):
    UNSPECIFIED = 0
    FOLLOWERS = 1
    CONNECTIONS = 2
    PROFILE_COMPLETENESS = 3
    RATING_STARS = 4
    RATING_COUNT = 5


class Severity(Word):
    UNSPECIFIED = 0
    MINOR = 1
    SERIOUS = 2
    SEVERE = 3


class Category(Word):
    UNSPECIFIED = 0
    HATE = 1
    HARASSMENT = 2
    THREAT = 3
    SEXUAL = 4
    DECEPTION = 5
    PROFANITY = 6
    OTHER = 7


class Decision(Word):
    UNSPECIFIED = 0
    FOUND = 1
    APPEALED = 2
    UPHELD = 3
    WITHDRAWN = 4


class Grounds(Word):
    UNSPECIFIED = 0
    REVIEWED = 1
    REPORTED = 2
    QUOTATION = 3
    CONTEXT = 4
    NOT_THE_AUTHOR = 5
    MENDED = 6
    MISTAKE = 7
    OTHER = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact of the log; fields that do not apply to its kind keep their default.

    Times are milliseconds since 1970-01-01T00:00Z; ids and hashes are unsigned 64-bit.
    Ranges are those of `presence.events.door.check`.
    """

    kind: Kind
    observed_ms: int
    id: EventId = EventId(0)
    person: PersonId = NOBODY
    person_kind: PersonKind = PersonKind.UNSPECIFIED
    network: Network = Network("")
    account: AccountHash = AccountHash(0)
    direction: Direction = Direction.UNSPECIFIED
    verb: Verb = Verb.UNSPECIFIED
    object: Object = Object.UNSPECIFIED
    actor: ActorHash = THE_PERSON
    actor_person: PersonId = NOBODY
    occurred_ms: int = 0
    time_quality: TimeQuality = TimeQuality.UNSPECIFIED
    magnitude: int = 0
    rating: int = 0
    gauge: Gauge = Gauge.UNSPECIFIED
    value: int = 0
    ref_id: EventId = EventId(0)
    ref_occurred_ms: int = 0
    in_reply_to_other: bool = False
    mean: int = 0
    number: int = 0
    severity: Severity = Severity.UNSPECIFIED
    withdrawn: bool = False
    category: Category = Category.UNSPECIFIED
    complete_ms: int = 0
    sealed_ref: bytes = b""
    moderator: str = ""
    moderator_version: str = ""
    confidence_micro: int = 0
    decision: Decision = Decision.UNSPECIFIED
    grounds: Grounds = Grounds.UNSPECIFIED
    operator: str = ""
    sealed_note: bytes = b""
    associates: tuple[PersonId, ...] = ()
