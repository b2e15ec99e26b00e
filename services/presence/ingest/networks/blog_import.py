"""A feed as a file, of any length: what `curl` saved, or the export of WordPress (WXR) or Blogger (Atom)."""

from collections.abc import Iterator
from io import BufferedReader
from typing import BinaryIO

import msgspec

from presence.events.errors import InvalidEvent
from presence.ingest.exports.elements import elements
from presence.ingest.exports.export import Export, Item, Part
from presence.ingest.networks.blog import ENTRY, JSON_ITEM
from presence.ingest.networks.blog_feed import SNIFFED_BYTES, Feed, is_json

PATTERNS = ("*.xml", "*.rss", "*.atom", "*.rdf", "*.json")


def items(export: Export) -> Iterator[Item]:
    """Each entry, in the order of the file. A file that is no feed is one item that says so."""
    parts = export.select("*") if len(export.parts) == 1 else export.select(*PATTERNS)
    yield from export.items(parts, _read)


def _read(_part: Part, file: BinaryIO) -> Iterator[Item]:
    assert isinstance(file, BufferedReader)
    start = file.peek(SNIFFED_BYTES)[:SNIFFED_BYTES]
    if is_json(start):
        if b"jsonfeed.org" not in start:
            raise InvalidEvent("not_a_feed")
        for item in elements(file, "feed"):
            if item.kind == "feed/items":  # Others are its authors and hubs.
                yield Item(item.data, JSON_ITEM, item.refused, item.size_bytes)
        return
    for entry in Feed().of_xml(file):
        yield Item(msgspec.json.encode(entry), ENTRY)
