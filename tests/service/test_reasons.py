"""What stands behind a score goes out with it: the records that decide it, and tombstones when somebody is erased."""

from dataclasses import replace
from pathlib import Path

from tests.service.logs import NOW_MS, Record

from presence.batch.letters import Topic
from presence.events.vocabulary import Category, Decision, Event, EventId, Kind, PersonId, Severity
from presence.log import codec
from presence.model.spec import load
from presence.scoring.partition import Partition
from presence.scoring.store import Store

ADA, BO = PersonId("p_ada"), PersonId("p_bo")
FLAG = Event(
    kind=Kind.FLAG, id=EventId(1), person=ADA, ref_id=EventId(7), severity=Severity.SEVERE,
    category=Category.THREAT, occurred_ms=NOW_MS, observed_ms=NOW_MS, decision=Decision.FOUND, moderator="rules",
)  # fmt: skip
WITHDRAWN = replace(
    FLAG,
    id=EventId(2),
    observed_ms=NOW_MS + 1,
    withdrawn=True,
    decision=Decision.WITHDRAWN,
    operator="key:desk",
)
COMPANY = Event(kind=Kind.ASSOCIATES, id=EventId(3), person=ADA, mean=70_000, number=2, observed_ms=NOW_MS)
ERASED = Event(kind=Kind.ERASED, id=EventId(9), person=ADA, observed_ms=NOW_MS + 9)


class Told:
    """A partition, and what a reader of the compacted topic of reasons holds."""

    def __init__(self, folder: Path) -> None:
        self._partition = Partition(0, Store(folder), load())
        self._offset = 0
        self.held: dict[bytes, bytes] = {}

    def after(self, *events: Event, at_once: bool = False) -> dict[bytes, bytes]:
        for batch in [events] if at_once else [[each] for each in events]:
            records = []
            for event in batch:
                records.append(Record(self._offset, event.person.encode(), codec.encode(event)))
                self._offset += 1
            self._partition.apply(records)
            publication = self._partition.due()
            for letter in publication.letters:
                assert letter.topic == Topic.REASONS
                self.held.pop(letter.key, None)
                if letter.value:
                    self.held[letter.key] = letter.value
            self._partition.published(publication)
        return self.held


def test_the_newest_decision_about_a_finding_is_told_verbatim(tmp_path: Path) -> None:
    told = Told(tmp_path)
    assert told.after(FLAG) == {b"p_ada/flag/0000000000000007": codec.encode(FLAG)}
    assert told.after(WITHDRAWN) == {b"p_ada/flag/0000000000000007": codec.encode(WITHDRAWN)}
    # Met again, as by an import: it is older than what was decided.
    assert told.after(FLAG) == {b"p_ada/flag/0000000000000007": codec.encode(WITHDRAWN)}


def test_any_batches_tell_the_same_in_the_end(tmp_path: Path) -> None:
    events = (
        FLAG,
        COMPANY,
        WITHDRAWN,
        replace(FLAG, ref_id=EventId(8)),
        FLAG,
        replace(COMPANY, observed_ms=5),
    )
    one_by_one = Told(tmp_path / "a").after(*events)
    assert Told(tmp_path / "b").after(*events, at_once=True) == one_by_one
    assert one_by_one[b"p_ada/associates"] == codec.encode(COMPANY)
    assert len(one_by_one) == 3


def test_nothing_is_left_of_who_is_erased_and_nothing_comes_back(tmp_path: Path) -> None:
    told = Told(tmp_path)
    others = replace(FLAG, person=BO)
    told.after(FLAG, COMPANY, others)
    assert set(told.after(ERASED)) == {b"p_bo/flag/0000000000000007"}
    assert set(told.after(WITHDRAWN, COMPANY)) == {b"p_bo/flag/0000000000000007"}
    assert set(told.after(ERASED, at_once=True)) == {b"p_bo/flag/0000000000000007"}
