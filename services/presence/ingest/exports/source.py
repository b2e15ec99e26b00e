"""The items of an export as frames. Their positions are the items' numbers, from 1."""

from collections import Counter
from collections.abc import Generator, Sequence

from presence.ingest.exports.export import Export, Item
from presence.ingest.exports.importer import Importer
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES, Frame

ITEMS_AT_ONCE = 512
BATCH_BYTES_MAX = 4 * 2**20


class ExportSource:
    """Reads each item once; after the importer's own items, one for each part of the export that it does not read."""

    overlap = 0
    complete_ms = None

    def __init__(self, export: Export, importer: Importer, label: str) -> None:
        self.label = label
        self.done = False
        self.bytes_skipped = 0
        self.skipped = 0
        """How many items `start` has passed over."""
        self.kinds: Counter[str] = Counter()
        """How many items of each kind there were so far, those too."""
        self.export = export
        self._items = _all_items(export, importer)
        self._position = 0

    def start(self, position: int | None) -> None:
        """Pass over the first `position` items."""
        while self._position < (position or 0) and not self.done:
            self._next()
        self.skipped = self._position
        self.bytes_skipped = self.export.bytes_read

    def read(self) -> Sequence[Frame]:
        """The next items. Raises SourceUnavailable if the export cannot be read on."""
        frames: list[Frame] = []
        batch_bytes = 0
        while len(frames) < ITEMS_AT_ONCE and batch_bytes < BATCH_BYTES_MAX:
            item = self._next()
            if item is None:
                break
            size_bytes = item.size_bytes or len(item.data)
            data = item.data if size_bytes <= FRAME_BYTES_MAX else item.data[:HEAD_BYTES]
            frames.append(Frame(data, self._position, size_bytes, item.kind, item.refused))
            batch_bytes += len(data)
        return frames

    def close(self) -> None:
        self._items.close()

    def _next(self) -> Item | None:
        item = next(self._items, None)
        if item is None:
            self.done = True
            return None
        self._position += 1
        self.kinds[item.kind] += 1
        return item


OTHER_FILE = "other_file"
"""The kind of a part that the importer does not read, and the reason why it is skipped."""


def _all_items(export: Export, importer: Importer) -> Generator[Item]:
    yield from importer.items(export)
    for part in export.unselected():
        yield Item(part.base.encode(errors="replace"), OTHER_FILE)
