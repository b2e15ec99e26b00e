"""What a decoder makes of a frame: acts in the network's own ids. The runner makes events of them, for the enrolled."""

from collections.abc import Callable
from typing import Protocol

import msgspec

from presence.events.vocabulary import Direction, Gauge, Object, TimeQuality, Verb
from presence.ingest.frames import Frame


class Act(msgspec.Struct, frozen=True, gc=False):
    """Something that `by` did, for the log of `about`; both are native account ids, the same for Direction.BY.

    `record` is the native id of what was written, `what` tells apart the events that it makes. `answers` is the
    account that it replies to. `ref` is where the act can be seen. `rating` is of a review, in thousandths of a star.
    `version` is set where a record can be edited and each edit counts instead of the one before: it tells the edits
    apart, and `occurred_ms` which of them is the newest. `alias` is another name of the record, where the network takes it back by that.
    `text` is what the author published, of an act of Direction.BY: a moderator reads it, and it goes no further.
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
    time_quality: TimeQuality = TimeQuality.EXACT
    magnitude: int = 1
    rating: int = 0
    version: str = ""
    alias: str = ""
    text: str = ""


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
    """`by` has taken back `record`, and with it every act that it made. `own` is the `what` of the author's act.

    `own` is empty where the record has versions or an alias, for those are known by what each has made.
    """

    by: str
    record: str
    own: str


Native = Act | Reading | Retraction


class Decoded(msgspec.Struct, frozen=True):
    """What one frame says, or in one word why it says nothing that is scored."""

    natives: tuple[Native, ...] = ()
    skipped: str = ""


class Decoder(Protocol):
    """Pure: the same frame and time give the same acts."""

    def __call__(self, frame: Frame, observed_ms: int, /) -> Decoded:
        """What `frame` says. Raises InvalidEvent, and nothing else, if it is not usable."""


def of_bytes(decode: Callable[[bytes, int], Decoded]) -> Decoder:
    """The decoder of a network whose frames say all in their bytes."""
    return lambda frame, observed_ms: decode(frame.data, observed_ms)
