"""The framed scores of those who were asked for lately, in memory: a look-up there costs a tenth of one on disk.

Of one serving process, on its event loop. What has changed is dropped when the process moves on to a newer state of the
read model, so that it never answers with anything older than that.
"""

from collections.abc import Iterable, Sequence

from presence.events.vocabulary import PersonId
from presence.gateway.rows import PERSON_CHARS

FRAMES_BYTES_MAX = 64 * 2**20
_OVERHEAD_BYTES = 200
"""Of a key and its place in a dictionary, about."""
assert _OVERHEAD_BYTES > 2 * PERSON_CHARS


class Frames:
    """Two generations: what is asked for moves to the young one; when that is full, the old one goes."""

    def __init__(self, bytes_max: int = FRAMES_BYTES_MAX) -> None:
        self._half = bytes_max // 2
        self._young: dict[PersonId, bytes] = {}
        self._old: dict[PersonId, bytes] = {}
        self._held = 0

    def get(self, person: PersonId) -> bytes | None:
        frame = self._young.get(person)
        if frame is None and (frame := self._old.pop(person, None)) is not None:
            self.put(person, frame)
        return frame

    def of(self, people: Sequence[PersonId]) -> list[bytes | None]:
        """As `get`, of many at once."""
        frames = list(map(self._young.get, people))
        if not all(frames):
            for place, frame in enumerate(frames):
                if frame is None:
                    frames[place] = self.get(people[place])
        return frames

    def put(self, person: PersonId, frame: bytes) -> None:
        if self._held > self._half:
            self._old, self._young, self._held = self._young, {}, 0
        self._young[person] = frame
        self._held += len(frame) + _OVERHEAD_BYTES

    def drop(self, people: Iterable[PersonId]) -> None:
        """These have changed. What they held is counted until the generation goes."""
        for person in people:
            self._young.pop(person, None)
            self._old.pop(person, None)

    def clear(self) -> None:
        self._young, self._old, self._held = {}, {}, 0
