"""The lines of a file, each an item; of a packed file, those inside."""

import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from presence.events.errors import InvalidEvent
from presence.ingest.exports.export import Item, Part
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES

LINE_BYTES_MAX = FRAME_BYTES_MAX + 2


def lines(part: Part, file: BinaryIO) -> Iterator[Item]:
    """Every line that is not blank, of kind `part.base`. Raises InvalidEvent if the packed file is damaged."""
    unpacked = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if part.base.lower().endswith(".gz") else file
    try:
        while line := unpacked.readline(LINE_BYTES_MAX):
            size_bytes = len(line)
            while not line.endswith(b"\n") and (rest := unpacked.readline(LINE_BYTES_MAX)):
                size_bytes += len(rest)
                line = line[:HEAD_BYTES] + rest[-1:]
            data = line.strip()
            if data:
                yield Item(
                    data, part.base, size_bytes=size_bytes if size_bytes > LINE_BYTES_MAX else len(data)
                )
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidEvent("damaged") from error
