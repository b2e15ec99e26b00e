"""An edited record stands once, as its newest version, in whatever order and however often its versions come."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from presence.events.vocabulary import Direction, EventId, Kind, Network, Object, PersonId, Verb
from presence.ingest.acts import Act, Retraction
from presence.ingest.address import Addressing
from presence.ingest.received import ReceivedIndex
from presence.ingest.rehearsal import OneEnrolled

SHOP = Network("google")
NOW_MS = 1_790_000_000_000


def review(version: int) -> Act:
    at_ms = NOW_MS - 1_000_000 + version
    return Act(
        about="locations/1",
        by="r",
        record="r",
        what="to",
        direction=Direction.TO,
        verb=Verb.REVIEW,
        object=Object.REVIEW,
        occurred_ms=at_ms,
        ref="r",
        rating=1000 + version,
        version=str(at_ms),
    )


class Log:
    """What stands after a series of versions: activities that no UNDO has taken back, which is for good."""

    def __init__(self, folder: Path) -> None:
        self.received = ReceivedIndex(folder)
        roster = OneEnrolled(PersonId("ada"), SHOP, "locations/1")
        self.addressing = Addressing(SHOP, roster.registry, self.received)
        self.ratings: dict[EventId, int] = {}
        self.undone: set[EventId] = set()

    def take(self, native: Act | Retraction, *, killed: bool = False) -> None:
        """`killed`: before the broker has anything of it, but after the index has."""
        events = self.addressing.events([native], NOW_MS)
        self.received.commit()
        for event in () if killed else events:
            if event.kind == Kind.UNDO:
                self.undone.add(event.ref_id)
            else:
                self.ratings[event.id] = event.rating

    def standing(self) -> list[int]:
        return [rating for one, rating in self.ratings.items() if one not in self.undone]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=10))
def test_the_newest_version_stands_alone(arrivals: list[tuple[int, bool]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log = Log(Path(folder))
        for version, killed in arrivals:
            if killed:
                log.take(review(version), killed=True)
            log.take(review(version))
        assert log.standing() == [1000 + max(version for version, _ in arrivals)]
        log.take(Retraction("locations/1", "r", ""))
        assert log.standing() == []
        log.received.close()
