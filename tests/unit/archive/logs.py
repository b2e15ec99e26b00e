"""Records for an archive: all that a log can have, and what it should not have."""

from collections.abc import Sequence

from hypothesis import strategies as st
from tests.service.logs import events

from presence.archive.rows import Logged
from presence.log import codec

DAY_MS = 86_400_000
MONDAY_MS = 20_782 * DAY_MS


def good(count: int, seed: int = 7) -> list[tuple[bytes | None, bytes | None]]:
    return [(event.person.encode() or None, codec.encode(event)) for event in events(count, seed)]


GARBAGE = st.tuples(st.none() | st.binary(max_size=30), st.none() | st.binary(max_size=60))
REPEATED_FIELD = st.sampled_from(good(60)).map(lambda pair: (pair[0], (pair[1] or b"") + b"\x08\x01"))
PAIRS = st.sampled_from(good(400)) | GARBAGE | REPEATED_FIELD


def logged(pairs: Sequence[tuple[bytes | None, bytes | None]], first: int = 0) -> list[Logged]:
    return [Logged(first + at, MONDAY_MS + at * 1000, *pair) for at, pair in enumerate(pairs)]
