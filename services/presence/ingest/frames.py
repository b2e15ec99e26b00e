"""What a source hands over: bytes and where they stood. Sources know a transport, not what the bytes mean."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

FRAME_BYTES_MAX = 2**20
"""Far above any real record; a longer frame is hostile and goes to the dead letters cut off."""
HEAD_BYTES = 65_536
"""What is kept of a frame that is longer than that."""


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One message of a network.

    `position` orders the frames of one source; a later frame may have an earlier position by up to the source's
    `overlap`. `size_bytes` is the true size: a frame longer than FRAME_BYTES_MAX has only its head in `data`.
    `kind` is what the transport says it is, where that is not in its bytes: a part of an export, the name of a webhook.
    `refused` is why the source itself could make nothing of it.
    """

    data: bytes
    position: int
    size_bytes: int
    kind: str = ""
    refused: str = ""


class Source(Protocol):
    """Where frames come from. After a crash it is opened again at the saved position."""

    overlap: int
    """How far behind its newest position the source starts again, in units of its position."""
    label: str
    """Names the saved position; one per stream that has positions of its own."""

    @property
    def done(self) -> bool:
        """True once there is nothing more, ever."""

    @property
    def complete_ms(self) -> int | None:
        """All that the network showed by then has been read; None where that cannot be known, as of a file."""

    def start(self, position: int | None) -> None:
        """Begin after `position`, or `overlap` before it; None: where the source begins by itself."""

    def read(self) -> Sequence[Frame]:
        """What is there now; waits some 100 ms for the first, then none. Raises SourceUnavailable to give up."""

    def close(self) -> None:
        """Let go of the transport within a second or two."""


def cut(data: bytes, position: int, kind: str = "") -> Frame:
    """The frame of `data`, with no more than its head if it is too long."""
    size_bytes = len(data)
    return Frame(data if size_bytes <= FRAME_BYTES_MAX else data[:HEAD_BYTES], position, size_bytes, kind)
