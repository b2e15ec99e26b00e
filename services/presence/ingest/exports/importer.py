"""What a network tells of its export file: the protocol between the networks and `presence import`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from presence.ingest.acts import Decoded
from presence.ingest.exports.export import Export, Item
from presence.ingest.frames import Frame


def _unnamed(_: Export) -> str:
    return ""


def _undeclared(_: Export) -> Mapping[str, int]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Importer:
    """Functions only: what they need of the export, they read from it.

    `items` yields every native item, always in the same order, lazily, and in bounded memory; the parts that it
    reads it names to `Export.select`. An item that cannot be read is an item with `refused`.
    `decode` is pure: (item as a frame, the native account that the export is of, observed_ms) to acts. It raises
    InvalidEvent, and nothing else. It gives the acts the ids that live capture gives them.
    `owner` is the native account that the export says it is of; empty if it does not say.
    `declared` is how many items of a kind the export itself says there are.
    """

    takes: str
    """In a few words, what PATH is, for `--help` and errors."""
    items: Callable[[Export], Iterator[Item]]
    decode: Callable[[Frame, str, int], Decoded]
    owner: Callable[[Export], str] = _unnamed
    declared: Callable[[Export], Mapping[str, int]] = _undeclared
