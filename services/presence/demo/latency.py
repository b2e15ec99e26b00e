"""How long an act takes from its arrival at ingest to its score at a gRPC client, measured from both ends."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from presence.events.vocabulary import Event, Kind, PersonId
from presence.log import codec
from presence.log.kafka import read_to_end
from presence.log.settings import Settings


@dataclass(slots=True)
class Arrivals:
    """When which revision of whose score reached the client. One thread notes, others may read."""

    _offsets: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    _times_ms: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def note(self, person: str, offset: int, received_ms: int) -> None:
        """A score of `person` that counts the log up to `offset`; offsets of one person only grow."""
        self._times_ms[person].append(received_ms)
        self._offsets[person].append(offset)

    def first_with(self, person: str, offset: int) -> int | None:
        """When the first score came that counts the record at `offset`; None if none has yet."""
        at = bisect_left(self._offsets[person], offset)
        return self._times_ms[person][at] if at < len(self._offsets[person]) else None


@dataclass(frozen=True, slots=True)
class Measured:
    """`waiting`: acts in the log that no received score counts yet. Latencies by person, in ms.

    `said`: how often by whom what was said, in the words of the vocabulary, such as `to like note`.
    """

    acts: int
    waiting: int
    by_person: dict[PersonId, list[int]]
    said: dict[PersonId, Counter[str]]

    def of(self, people: Iterable[PersonId]) -> list[int]:
        """The latencies of all their acts."""
        return [each for person in people for each in self.by_person.get(person, ())]

    def said_of(self, people: Iterable[PersonId]) -> Counter[str]:
        """How often what was said of any of them."""
        return sum((self.said.get(person, Counter()) for person in people), Counter())


def percentile(latencies: list[int], percent: int) -> int | None:
    """The nearest-rank percentile of values in any order; None without any.

    >>> percentile([40, 10, 30, 20], 50)
    20
    """
    if not latencies:
        return None
    return sorted(latencies)[max(-(-percent * len(latencies) // 100), 1) - 1]


def measure(settings: Settings, arrivals: Arrivals) -> Measured:
    """Set what the log holds now beside what has arrived."""
    acts, waiting = 0, 0
    by_person: defaultdict[PersonId, list[int]] = defaultdict(list)
    said: defaultdict[PersonId, Counter[str]] = defaultdict(Counter)
    for offset, event in _acts(settings):
        acts += 1
        said[event.person][_in_words(event)] += 1
        received_ms = arrivals.first_with(event.person, offset)
        if received_ms is None:
            waiting += 1
        else:
            by_person[event.person].append(received_ms - event.observed_ms)
    return Measured(acts, waiting, dict(by_person), dict(said))


def _in_words(event: Event) -> str:
    if event.kind == Kind.UNDO:
        return "undo"
    words = (event.gauge,) if event.kind == Kind.GAUGE else (event.direction, event.verb, event.object)
    return " ".join(word.name.lower() for word in words if word)


def _acts(settings: Settings) -> Iterator[tuple[int, Event]]:
    counted = {Kind.ACTIVITY, Kind.UNDO, Kind.GAUGE}
    events: Iterable[tuple[int, bytes]] = (
        (record.offset, record.value) for record in read_to_end(settings, settings.topics.activity)
    )
    for offset, value in events:
        event = codec.decode(value)
        if event.kind in counted:
            yield offset, event
