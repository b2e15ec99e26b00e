"""What a decoder makes of a frame: acts in the network's own ids. The runner makes events of them, for the enrolled."""

from typing import Protocol

import msgspec

from presence.events.vocabulary import Direction, Gauge, Object, Verb


class Act(msgspec.Struct, frozen=True, gc=False):
    """Something that `by` did, for the log of `about`; both are native account ids, the same for Direction.BY.

    `record` is the native id of what was written, `what` tells apart the events that it makes. `answers` is the
    account that it replies to. `ref` is where the act can be seen.
    """

    about: str
    by: str
    record: str
    what: str
    direction: Direction
    verb: Verb
    object: Object
    occurred_ms: int
    ref: str
    answers: str = ""


class Reading(msgspec.Struct, frozen=True, gc=False):
    """A number that the network shows of the account `about`."""

    about: str
    record: str
    what: str
    gauge: Gauge
    value: int
    occurred_ms: int
    ref: str


class Retraction(msgspec.Struct, frozen=True, gc=False):
    """`by` has taken back `record`, and with it every act that it made. `own` is the `what` of the author's act."""

    by: str
    record: str
    own: str


Native = Act | Reading | Retraction


class Decoded(msgspec.Struct, frozen=True):
    """What one frame says, or in one word why it says nothing that is scored."""

    natives: tuple[Native, ...] = ()
    skipped: str = ""


class Decoder(Protocol):
    """Pure: the same bytes and time give the same acts."""

    def __call__(self, data: bytes, observed_ms: int, /) -> Decoded:
        """What `data` says. Raises InvalidEvent, and nothing else, if it is not usable."""
