"""A file of frames, one a line: recorded streams and exports. Its positions are line numbers."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from presence.events.errors import CallerError, SourceUnavailable
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES, Frame, cut

LINES_AT_ONCE = 512
BATCH_BYTES_MAX = 4 * 2**20
SAMPLE_BYTES = 2**20
LINE_BYTES_MAX = FRAME_BYTES_MAX + 2
"""The longest frame that is read whole, with the line's end."""


class FileSource:
    """Reads each line once; blank lines count as lines but are no frames. A line of any length takes bounded memory."""

    overlap = 0
    complete_ms = None

    def __init__(self, path: Path) -> None:
        """Raises CallerError if `path` cannot be read."""
        try:
            self._file = path.open("rb")
            self.bytes_total = os.fstat(self._file.fileno()).st_size
            self.label = f"file:{_fingerprint(path, self.bytes_total)}"
        except OSError as error:
            raise CallerError(f"{path}: {error.strerror}") from error
        self.done = False
        self.bytes_read = 0
        self._line = 0

    def start(self, position: int | None) -> None:
        """Skip the first `position` lines."""
        while self._line < (position or 0) and not self.done:
            self._next()

    def read(self) -> Sequence[Frame]:
        """The next lines. Raises SourceUnavailable if the file cannot be read on."""
        frames: list[Frame] = []
        batch_bytes = 0
        while len(frames) < LINES_AT_ONCE and batch_bytes < BATCH_BYTES_MAX and not self.done:
            frame = self._next()
            if frame is not None:
                frames.append(frame)
                batch_bytes += len(frame.data)
        return frames

    def close(self) -> None:
        self._file.close()

    def _next(self) -> Frame | None:
        """The next line as a frame, without its end; None if it is blank, or the file is done."""
        line = self._readline()
        if not line:
            self.done = True
            return None
        self._line += 1
        self.bytes_read += len(line)
        if line.endswith(b"\n") or len(line) < LINE_BYTES_MAX:
            line = line.strip()
            return cut(line, self._line) if line else None
        return Frame(line[:HEAD_BYTES], self._line, len(line) + self._skip_rest())

    def _skip_rest(self) -> int:
        """How many bytes more the line has, without its end."""
        skipped = 0
        while part := self._readline():
            self.bytes_read += len(part)
            skipped += len(part)
            if part.endswith(b"\n"):
                return skipped - 1
        return skipped

    def _readline(self) -> bytes:
        try:
            return self._file.readline(LINE_BYTES_MAX)
        except OSError as error:
            raise SourceUnavailable(f"the file cannot be read on: {error.strerror}") from error


def _fingerprint(path: Path, size: int) -> str:
    """Tells one content from another by its size, its beginning and its end."""
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        digest.update(file.read(SAMPLE_BYTES))
        file.seek(max(0, size - SAMPLE_BYTES))
        digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()[:32]
