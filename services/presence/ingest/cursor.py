"""Where a source had come to, on disk, and which part of the log must be read again after a crash."""

from collections import deque
from pathlib import Path

import lmdb
import msgspec

from presence.events.errors import InvariantBroken

MAP_BYTES_MAX = 64 * 2**20
TRAIL_MAX = 64

Offsets = dict[str, dict[int, int]]
"""Topic: partition: offset."""


class Checkpoint(msgspec.Struct, frozen=True):
    """Every frame up to `position` is acknowledged, and its records stand before `offsets`."""

    position: int | None
    offsets: Offsets


class Trail:
    """The checkpoints of the last `overlap` positions.

    A restart begins that much earlier, so it must know the log from further back than the newest checkpoint.
    """

    def __init__(self, first: Checkpoint, overlap: int) -> None:
        self._overlap = overlap
        self._points: deque[Checkpoint] = deque([first])

    def extend(self, point: Checkpoint) -> Checkpoint:
        """What to save now: the newest position, and offsets from before all that a restart would see again."""
        assert point.position is not None
        keep_before = point.position - self._overlap
        newest = self._points[-1].position
        if newest is None or point.position - newest > self._overlap // (TRAIL_MAX // 2) or not self._overlap:
            self._points.append(point)
        while len(self._points) > 1 and self._is_before(self._points[1], keep_before):
            self._points.popleft()
        assert len(self._points) <= TRAIL_MAX
        return Checkpoint(point.position, self._points[0].offsets)

    def _is_before(self, point: Checkpoint, position: int) -> bool:
        assert point.position is not None
        return point.position < position if self._overlap else point.position <= position


class CursorStore:
    """Checkpoints by name. A saved one survives a crash of the machine."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lmdb = lmdb.open(str(folder), map_size=MAP_BYTES_MAX)

    def load(self, name: str) -> Checkpoint | None:
        """What was saved under `name`. Raises InvariantBroken if it cannot be read."""
        with self._lmdb.begin() as transaction:
            value = transaction.get(name.encode())
        try:
            return None if value is None else msgspec.json.decode(value, type=Checkpoint)
        except msgspec.DecodeError as error:
            raise InvariantBroken("the saved cursor cannot be read") from error

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        with self._lmdb.begin(write=True) as transaction:
            transaction.put(name.encode(), msgspec.json.encode(checkpoint))

    def forget(self, name: str) -> None:
        with self._lmdb.begin(write=True) as transaction:
            transaction.delete(name.encode())

    def close(self) -> None:
        self._lmdb.close()
