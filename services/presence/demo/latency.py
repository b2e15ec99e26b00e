"""How long an act takes from its arrival at ingest to its score at a gRPC client, measured from both ends."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from presence.events.vocabulary import Kind
from presence.log import codec
from presence.log.kafka import read_to_end
from presence.log.settings import Settings


@dataclass(slots=True)
class Arrivals:
    """When which revision of whose score reached the client."""

    _offsets: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _times_ms: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def note(self, person: str, offset: int, received_ms: int) -> None:
        """A score of `person` that counts the log up to `offset`; offsets of one person only grow."""
        self._offsets[person].append(offset)
        self._times_ms[person].append(received_ms)

    def first_with(self, person: str, offset: int) -> int | None:
        """When the first score came that counts the record at `offset`; None if none has yet."""
        at = bisect_left(self._offsets[person], offset)
        return self._times_ms[person][at] if at < len(self._offsets[person]) else None


@dataclass(frozen=True, slots=True)
class Measured:
    """`waiting`: acts in the log that no received score counts yet. Latencies in ms, sorted."""

    acts: int
    waiting: int
    latencies_ms: list[int]

    def percentile_ms(self, percent: int) -> int | None:
        """The nearest-rank percentile; None without acts."""
        if not self.latencies_ms:
            return None
        rank = -(-percent * len(self.latencies_ms) // 100)
        return self.latencies_ms[max(rank, 1) - 1]


def measure(settings: Settings, arrivals: Arrivals) -> Measured:
    """Set what the log holds now beside what has arrived."""
    acts = list(_acts(settings))
    found = [(arrivals.first_with(person, offset), observed_ms) for person, offset, observed_ms in acts]
    latencies = sorted(received - observed for received, observed in found if received is not None)
    return Measured(len(acts), len(acts) - len(latencies), latencies)


def _acts(settings: Settings) -> Iterable[tuple[str, int, int]]:
    counted = {Kind.ACTIVITY, Kind.UNDO, Kind.GAUGE}
    for record in read_to_end(settings, settings.topics.activity):
        event = codec.decode(record.value)
        if event.kind in counted:
            yield event.person, record.offset, event.observed_ms
