"""Server-sent events out of bytes, however they are cut: https://html.spec.whatwg.org/multipage/server-sent-events.html, 9.2.6."""

from collections.abc import Iterator
from typing import NamedTuple

from presence.ingest.frames import FRAME_BYTES_MAX

NAME_CHARS_MAX = 100


class ServerEvent(NamedTuple):
    """One event; of data longer than a frame may be, only what makes that plain is kept."""

    name: str
    data: bytes


class EventParser:
    """Comments, as of heartbeats, and events without data say nothing. Memory is bounded by the longest frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._skips_feed = False
        self._name = ""
        self._data = bytearray()
        self._has_data = False

    def feed(self, part: bytes) -> Iterator[ServerEvent]:
        """The events that `part` completes."""
        if self._skips_feed and part.startswith(b"\n"):
            part = part[1:]  # The second half of a line's end that was cut in two.
        self._skips_feed = part.endswith(b"\r") if part else self._skips_feed
        lines = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        for at, line in enumerate(lines):
            self._keep(line)
            if at < len(lines) - 1:
                complete, self._buffer = bytes(self._buffer), bytearray()
                yield from self._line(complete)

    def _keep(self, part: bytes) -> None:
        room = FRAME_BYTES_MAX + 100 - len(self._buffer)
        self._buffer += part[: max(0, room)]

    def _line(self, line: bytes) -> Iterator[ServerEvent]:
        if not line:
            if self._has_data:
                yield ServerEvent(self._name or "message", bytes(self._data))
            self._name, self._data, self._has_data = "", bytearray(), False
            return
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            self._name = value[:NAME_CHARS_MAX].decode(errors="replace")
        elif field == b"data":
            more = b"\n" + value if self._has_data else value
            self._has_data = True
            self._data += more[: max(0, FRAME_BYTES_MAX + 1 - len(self._data))]
