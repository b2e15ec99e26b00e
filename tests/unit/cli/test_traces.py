"""The search for what is left of people, where it needs no broker."""

from pathlib import Path

from tests.unit.archive.logs import MONDAY_MS, good, logged

from presence.archive.layout import Manifest
from presence.archive.rows import rows
from presence.archive.store import Archive
from presence.cli.traces import Needles, Search, Verdict
from presence.events.vocabulary import Event, Kind, PersonId
from presence.log import codec
from presence.log.settings import Settings


def test_a_file_of_the_archive_is_judged_by_its_rows_and_not_as_a_plain_file_too(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "my data")
    person = PersonId("p_" + "b" * 26)
    event = codec.encode(Event(kind=Kind.ENROLLED, person=person, observed_ms=MONDAY_MS))
    frame = rows(logged([*good(19), (person.encode(), event)]))
    archive = Archive.of(settings)
    file = archive.put(0, 20_782, (0, 19), frame)
    archive.commit(Manifest(partition=0, files=(file,)))
    (packed,) = settings.data.rglob("*.parquet")
    assert person.encode() in packed.read_bytes(), "Parquet's statistics are plain text"
    search = Search(settings, Needles([person]))
    search.archive()
    search.folder(settings.data)
    assert {each.verdict for each in search.found} == {Verdict.STAYS}
    (settings.data / "notes.txt").write_text(f"of {person}")
    search.folder(settings.data)
    assert [each.where for each in search.found if each.verdict == Verdict.LEFT] == ["notes.txt"]
