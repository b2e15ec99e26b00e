"""A partition that another process still holds is taken over as of that process's last commit."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from tests.limits import no_longer_file_than, no_more_files_than
from tests.service.logs import NOW_MS, Record, events, records

from presence.batch.records import Record as Fetched
from presence.events.errors import InvariantBroken, SourceUnavailable
from presence.events.vocabulary import Event, EventId, Kind, PersonId, PersonKind
from presence.log import codec
from presence.log.numbered import numbers
from presence.model.spec import load
from presence.scoring.ownership import claim, renewed
from presence.scoring.partition import Partition

HOLDER = """
import sys, time
from pathlib import Path
from presence.scoring.ownership import claim
store = claim(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(600)
"""


class Enrolled:
    """The record that enrols person `offset`."""

    def __init__(self, offset: int) -> None:
        event = Event(
            kind=Kind.ENROLLED, id=EventId(offset), person=PersonId(f"p_{offset}"),
            person_kind=PersonKind.PERSON, observed_ms=1_795_000_000_000,
        )  # fmt: skip
        self.offset = offset
        self.key: bytes | None = event.person.encode()
        self.value: bytes | None = codec.encode(event)


def enrolled(*offsets: int) -> list[Fetched]:
    return [Enrolled(offset) for offset in offsets]


def apply(folder: Path, *offsets: int) -> int:
    """Claim, apply, close; the offset that it came to."""
    partition = Partition(0, claim(folder), load())
    partition.apply(enrolled(*offsets))
    partition.store.close()
    return partition.store.offset


def test_a_frozen_owner_is_left_with_a_store_that_does_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "partition-0"
    assert apply(folder, 0, 1, 2) == 3
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, signal.SIGSTOP)
        assert apply(folder, 3) == 4
        assert sorted(path.name for path in folder.iterdir()) == ["1", "2"]
    finally:
        holder.kill()
        holder.communicate()
    assert apply(folder, 4) == 5
    assert [path.name for path in folder.iterdir()] == ["2"]


def test_a_takeover_that_was_cut_off_is_begun_anew(tmp_path: Path) -> None:
    folder = tmp_path / "partition-0"
    apply(folder, 0)
    (folder / "2.part").mkdir()
    (folder / "2.part" / "data.mdb").write_bytes(b"half")
    assert apply(folder, 1) == 2
    assert [path.name for path in folder.iterdir()] == ["1"]


def test_a_damaged_store_is_not_opened(tmp_path: Path) -> None:
    folder = tmp_path / "partition-0"
    apply(folder, 0)
    data = folder / "1" / "data.mdb"
    data.write_bytes(b"\xff" * data.stat().st_size)
    with pytest.raises(InvariantBroken, match="cannot be read"):
        claim(folder)


def large(number: EventId) -> EventId:
    """An id that is found by its bytes; 0 is none."""
    return EventId(number * 0x9E37_79B9_7F4A_7C15 % 2**64)


def test_a_renewed_store_is_the_same_without_a_byte_of_who_was_erased(tmp_path: Path) -> None:
    folder = tmp_path / "partition-0"
    partition = Partition(0, claim(folder), load())
    log = records(
        [replace(each, id=large(each.id), ref_id=large(each.ref_id)) for each in events(400) if each.person]
    )
    gone = PersonId(log[0].key.decode()) if log[0].key else PersonId("")
    ids: dict[bool, set[EventId]] = {True: set(), False: set()}
    for each in log:
        event = codec.decode(each.value or b"")
        ids[each.key == gone.encode()] |= {event.id, event.ref_id}
    traces = [number.to_bytes(8, "little") for number in ids[True] - ids[False]]
    partition.apply(log)
    assert partition.due()
    assert partition.store.meta.is_renewed
    (erasing,) = records([Event(kind=Kind.ERASED, person=gone, observed_ms=NOW_MS)])
    partition.apply([Record(len(log), erasing.key, erasing.value)])
    old = (partition.store.folder / "data.mdb").read_bytes()
    assert any(trace in old for trace in traces), "LMDB leaves pages as they were"
    assert not partition.store.meta.is_renewed
    before = partition.due()
    partition.store = renewed(partition.store)
    assert partition.due() == before
    assert partition.store.meta.is_renewed
    assert [path.name for path in folder.iterdir()] == ["2"]
    new = (partition.store.folder / "data.mdb").read_bytes()
    assert [trace for trace in traces if trace in new] == []
    partition.published(before)
    partition.store.close()
    again = claim(folder)
    assert (again.offset, again.meta.is_renewed) == (len(log) + 1, True)
    again.close()


def test_without_room_a_store_goes_on_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "partition-0"
    assert apply(folder, 0, 1, 2) == 3
    partition = Partition(0, claim(folder), load())
    with no_longer_file_than(4_096), pytest.raises(SourceUnavailable, match="cannot be renewed"):
        renewed(partition.store)
    assert partition.apply(enrolled(3)) == 1
    partition.store.close()
    assert apply(folder, 4) == 5


def test_a_copy_that_cannot_be_opened_is_not_left_as_the_newest(tmp_path: Path) -> None:
    folder = tmp_path / "partition-0"
    assert apply(folder, 0, 1, 2) == 3
    partition = Partition(0, claim(folder), load())
    # Two more files are enough to make the copy, and too few to open a store.
    with no_more_files_than(2), pytest.raises(SourceUnavailable, match="cannot be renewed"):
        renewed(partition.store)
    assert numbers(folder) == [1]
    assert partition.apply(enrolled(3)) == 1
    partition.store.close()
    assert apply(folder, 4) == 5
