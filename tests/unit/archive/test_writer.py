"""However a log is written down, interrupted and by how many, the same files come of it."""

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.archive.logs import DAY_MS, MONDAY_MS, PAIRS

from presence.archive import days
from presence.archive.errors import FileMissing, OffsetGap
from presence.archive.layout import Manifest
from presence.archive.rows import Logged, records
from presence.archive.store import Archive, Outrun
from presence.archive.upkeep import erased_people, merge, purge
from presence.archive.writer import Writer
from presence.events.vocabulary import Event, Kind, PersonId
from presence.log import codec

LATER = MONDAY_MS // DAY_MS + 1_000
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "flush", "crash", "merge", "other"]), st.integers(1, 9)
    ),
    max_size=16,
)
TIMES_MS = st.sampled_from([0, 1, 1000, DAY_MS // 3, DAY_MS])


@st.composite
def logs(draw: st.DrawFn) -> list[Logged]:
    """Records of some days, with holes between their offsets."""
    offset, time_ms, found = draw(st.integers(0, 9)), MONDAY_MS, []
    for pair in draw(st.lists(PAIRS, min_size=1, max_size=12)):
        found.append(Logged(offset, time_ms, *pair))
        offset += draw(st.sampled_from([1, 1, 1, 2, 5]))
        time_ms += draw(TIMES_MS)
    return found


@pytest.fixture(autouse=True)
def small_files() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(days, "FILE_OFFSETS", 8)
        yield


def new_archive() -> Archive:
    return Archive("memory:///", "presence.activity")


def follow(archive: Archive, log: list[Logged]) -> Writer:
    writer = Writer(archive, 0)
    writer.begin(log[0].offset, log[-1].offset + 1)
    return writer


def finished(archive: Archive, log: list[Logged]) -> Manifest:
    writer = follow(archive, log)
    writer.take(log)
    writer.flush(set())
    return merge(archive, writer.manifest, LATER, set())


@settings(deadline=None, max_examples=100)
@given(logs(), STEPS)
def test_any_way_to_the_end_gives_the_same_files(log: list[Logged], steps: list[tuple[str, int]]) -> None:
    archive = new_archive()
    writers = [follow(archive, log), follow(archive, log)]
    for what, number in steps:
        writer = writers[0]
        try:
            if what == "take":
                writer.take([each for each in log if each.offset >= writer.next_offset][:number])
            elif what == "flush":
                writer.flush(set())
            elif what == "merge":
                writer.manifest = merge(archive, writer.manifest, LATER if number > 5 else 0, set())
            elif what == "crash":
                writers[0] = follow(archive, log)
            else:
                writers.reverse()
        except (Outrun, FileMissing):
            writers[0] = follow(archive, log)
    assert finished(archive, log).files == finished(new_archive(), log).files
    assert [record for part in archive.parts(0) for record in records(part.rows)] == log
    assert archive.orphans(0) == [] or any(what in {"crash", "other"} for what, _ in steps)


@settings(deadline=None, max_examples=100)
@given(logs(), st.integers(0, 12))
def test_an_erased_person_is_purged_and_stays_out(log: list[Logged], at: int) -> None:
    archive = new_archive()
    erased = codec.encode(Event(kind=Kind.ERASED, person=PersonId("p_3"), observed_ms=5))
    end = log[-1].offset
    log = [*log, Logged(end + 1, log[-1].timestamp, b"p_3", erased), log[0]._replace(offset=end + 2)]
    writer = follow(archive, log)
    gone = writer.take(log[:at])
    writer.flush(set())
    gone |= writer.take(log)
    writer.flush(gone)
    purge(archive, 0, gone)
    merge(archive, archive.manifest(0), LATER, gone)
    assert "p_3" in gone == erased_people(archive, 0)
    left = [record for part in archive.parts(0) for record in records(part.rows)]
    assert {record.offset for record in left if record.key == b"p_3"} <= {
        record.offset for record in log if record.value is not None and record.value.startswith(b"\x10\x0a")
    }
    assert end + 1 in {record.offset for record in left}
    manifest = archive.manifest(0)
    assert manifest.rows + sum(file.purged for file in manifest.files) == len(log)
    assert archive.orphans(0) == []
    assert purge(archive, 0, gone) == (0, 0)


def test_records_that_left_kafka_before_they_were_archived_are_a_gap() -> None:
    log = [Logged(at, MONDAY_MS, None, None) for at in range(10)]
    archive = new_archive()
    finished(archive, log)
    with pytest.raises(OffsetGap, match="offsets 10 to 14 are missing: they left Kafka"):
        Writer(archive, 0).begin(15, 20)
    with pytest.raises(OffsetGap, match="it is another log"):
        Writer(archive, 0).begin(0, 4)
    assert Writer(archive, 0).begin(0, 10) == 10


def test_an_archive_that_begins_late_says_where() -> None:
    archive = new_archive()
    writer = Writer(archive, 0)
    assert writer.begin(100, 200) == 100
    writer.take([Logged(104, MONDAY_MS, None, None)])
    writer.flush(set())
    assert (writer.manifest.first, writer.manifest.next_offset) == (100, 105)
