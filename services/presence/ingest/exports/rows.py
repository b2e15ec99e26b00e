"""The rows of a CSV file, each as one JSON object by column, in bounded memory.

Reads what the exports of networks and spreadsheets write: a byte order mark or none, UTF-8, UTF-16 or a Windows code page; commas,
semicolons or tabs; lines of notes before the header; blank lines.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

import msgspec

from presence.ingest.exports.export import Item
from presence.ingest.frames import FRAME_BYTES_MAX

LINE_CHARS_MAX = FRAME_BYTES_MAX
PREAMBLE_ROWS_MAX = 50
SNIFFED_BYTES = 32_768
_ESCAPED_QUOTE = re.compile(rb'[^"]\\"[^",;\t\r\n]')
REST = ""
"""The column of what a row has beyond its header: text with a comma that was not quoted."""

csv.field_size_limit(FRAME_BYTES_MAX)


def rows(
    file: BinaryIO,
    kind: str,
    *,
    is_header: Callable[[Sequence[str]], bool] = lambda _: True,
    backslash_escapes: bool = False,
) -> Iterator[Item]:
    """Each row after the header, with its columns' names as they stand there, trimmed.

    `is_header` tells the header from the notes before it. `backslash_escapes`: a backslash stands before a quote within
    quotes, as also where the beginning of the file shows that.
    A row that cannot be read is an item with `refused`: `csv`, or `no_header` once, if none of the first rows is the header.
    """
    reader = csv.reader(
        _lines(_text(file)),
        delimiter=_delimiter(file, is_header),
        escapechar="\\" if backslash_escapes or _ESCAPED_QUOTE.search(_peek(file)) else None,
    )
    header: list[str] | None = None
    before = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error:  # The reader goes on with the next line.
            yield Item(b"", kind, "csv")
            continue
        if not any(cell.strip() for cell in row):
            continue
        if header is not None:
            yield _item(header, row, kind)
        elif is_header(columns := [cell.strip().strip("\ufeff") for cell in row]):
            header = columns
        elif (before := before + 1) > PREAMBLE_ROWS_MAX:
            break
    if header is None and before:
        yield Item(b"", kind, "no_header")


def _item(header: Sequence[str], row: Sequence[str], kind: str) -> Item:
    told = {name: cell for name, cell in zip(header, row, strict=False) if cell}
    if len(row) > len(header):
        told[REST] = "".join(row[len(header) :])
    return Item(msgspec.json.encode(told), kind)


def _text(file: BinaryIO) -> io.TextIOBase:
    """As text, by the mark at its beginning, or by whether its beginning is UTF-8."""
    start = _peek(file)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "utf-16"
    else:
        encoding = "utf-8-sig" if _is_utf8(start) else "cp1252"
    return io.TextIOWrapper(file, encoding=encoding, errors="replace", newline="")


def _is_utf8(start: bytes) -> bool:
    try:
        start.decode()
    except UnicodeDecodeError as error:
        return error.start > len(start) - 4  # A character cut in two by the end of the sample.
    return True


def _peek(file: BinaryIO) -> bytes:
    assert isinstance(file, io.BufferedReader)
    return file.peek(SNIFFED_BYTES)[:SNIFFED_BYTES]


def _delimiter(file: BinaryIO, is_header: Callable[[Sequence[str]], bool]) -> str:
    """What stands oftenest in the first line that it makes a header of; a comma if there is no such line."""
    start = _peek(file)
    encoding = "utf-16" if start.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    for line in start.decode(encoding, errors="replace").splitlines():
        for each in sorted(",;\t", key=line.count, reverse=True):
            if each in line and is_header([cell.strip(' "') for cell in line.split(each)]):
                return each
    return ","


def _lines(text: io.TextIOBase) -> Iterator[str]:
    """Its lines; one without end comes in pieces, of which each is a row of its own."""
    while line := text.readline(LINE_CHARS_MAX):
        yield line.replace("\0", "")
