"""A partition that another process still holds is taken over as of that process's last commit."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from presence.batch.records import Record
from presence.events.errors import InvariantBroken
from presence.events.vocabulary import Event, EventId, Kind, PersonId, PersonKind
from presence.log import codec
from presence.model.spec import load
from presence.scoring.ownership import claim
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


def enrolled(*offsets: int) -> list[Record]:
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
