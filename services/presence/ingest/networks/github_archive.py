"""GH Archive: the public timeline by the hour, one event a line, packed; one file or a folder of them.

https://www.gharchive.org. Its oldest files have several events in a line.
"""

import json
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from presence.ingest.acts import Act, Decoded, Native
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.exports.lines import lines
from presence.ingest.frames import FRAME_BYTES_MAX, Frame
from presence.ingest.networks import github

SEVERAL = b'}{"'
_decoder = json.JSONDecoder()


def items(export: Export) -> Iterator[Item]:
    """Every event, as the bytes that stand in the file."""
    yield from export.items(export.select("*.json.gz", "*.jsonl.gz", "*.json", "*.jsonl"), _events)


def decode(frame: Frame, account: str, observed_ms: int) -> Decoded:
    """What an event says; see github.decode. `account` is found however its letters are written."""
    decoded = github.decode(Frame(frame.data, frame.position, frame.size_bytes), observed_ms)
    login = account.lower()
    if login == account:
        return decoded
    return Decoded(tuple(_renamed(each, login, account) for each in decoded.natives), decoded.skipped)


def _renamed(native: Native, login: str, account: str) -> Native:
    if not isinstance(native, Act):
        return native
    names = {name: account for name in ("about", "by", "answers") if getattr(native, name) == login}
    return msgspec.structs.replace(native, **names)


def _events(part: Part, file: BinaryIO) -> Iterator[Item]:
    for item in lines(part, file):
        if SEVERAL in item.data and item.size_bytes <= FRAME_BYTES_MAX:
            yield from (Item(each, item.kind) for each in _apart(item.data))
        else:
            yield item


def _apart(line: bytes) -> Iterator[bytes]:
    """The JSON values of a line; from the first that is none on, the rest as it is."""
    text, at = line.decode(errors="replace"), 0
    while at < len(text):
        try:
            _, end = _decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = len(text)
        yield text[at:end].encode()
        at = end + (len(text[end:]) - len(text[end:].lstrip()))
