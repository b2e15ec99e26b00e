"""Searches everything that a deployment keeps for what tells of given people: after an erasure, for proof.

Every topic record by record, every table of every LMDB store row by row, every other file byte by byte, every snapshot
unpacked, every file of the archive. What is found is one of:

- **left**: must not be there.
- **waits**: superseded, and goes with Kafka's next compaction or with the pages that LMDB writes next.
- **stays**: pseudonyms without a key. Records of the activity log under the person's id, which cannot be taken out of it one
  by one, the mark in scoring's state that keeps late records out, and tombstones, which Kafka drops in its own time.
"""

import mmap
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import lmdb
import msgspec
import numpy as np
import polars as pl
from kafka.consumer.fetcher import ConsumerRecord

from presence.archive.store import Archive
from presence.batch.tables import HEADER
from presence.events.errors import InvariantBroken
from presence.log.kafka import consumer, read_to_end
from presence.log.settings import Settings
from presence.scoring.snapshots import Snapshots
from presence.scoring.store import Meta

TABLES_MAX = 64
_ID = re.compile(rb"p_[a-z2-7]{26}")
_COMPACTED = ("roster", "scores", "history", "reasons")
BROKER = "broker"
"""The embedded broker's folder: what is in it is read as topics."""
UNUSED = "unused pages"
"""Of an LMDB file: bytes that are in no table any more, and go when the pages are written again."""


class Verdict(StrEnum):
    """What it means that something was found."""

    LEFT = "left"
    WAITS = "waits"
    STAYS = "stays"


class Found(NamedTuple):
    """One hit; `what` was found, by the id or the text that was searched for."""

    verdict: Verdict
    where: str
    what: str


@dataclass(slots=True)
class Looked:
    """What was looked at in one place."""

    place: str
    kind: str
    records: int = 0
    bytes: int = 0
    hits: Counter[Verdict] = field(default_factory=Counter)


class Needles:
    """What is searched for: people's ids, and texts such as native account ids and links."""

    def __init__(self, people: Iterable[str], texts: Iterable[str] = ()) -> None:
        self._ids = {each.encode() for each in people}
        self._texts = {each.encode() for each in texts if each}
        words = sorted(self._ids | self._texts, key=len, reverse=True)
        self._any = re.compile(b"|".join(map(re.escape, words))) if words else re.compile(b"(?!)")

    def ids_in(self, data: bytes) -> set[bytes]:
        """Which of the people `data` names."""
        return self._ids.intersection(_ID.findall(data)) if b"p_" in data else set()

    def texts_in(self, data: bytes) -> set[bytes]:
        """Which of the texts are in `data`."""
        if len(self._texts) < 8:
            return {each for each in self._texts if each in data}
        return self._texts.intersection(self._any.findall(data))

    def count_in(self, data: "bytes | mmap.mmap") -> Counter[bytes]:
        """How often each stands in a file."""
        return Counter(self._any.findall(data))


class Search:
    """One search through a deployment; `looked` and `found` grow as it goes."""

    def __init__(
        self, settings: Settings, needles: Needles, on_step: Callable[[str], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._needles = needles
        self._on_step = on_step
        self._unpacked: set[Path] = set()
        self.looked: list[Looked] = []
        self.found: list[Found] = []

    def everywhere(self) -> None:
        """Search all there is. Raises SourceUnavailable if the broker or the snapshots do not answer."""
        self.topics()
        self.snapshots()
        self.archive()
        self.folder(self._settings.data)

    def topics(self) -> None:
        """Every topic of the deployment, with what aborted transactions have left."""
        client = consumer(self._settings)
        names = sorted(each for each in client.topics() if each.startswith(f"{self._settings.namespace}."))
        client.close()
        for name in names:
            self._topic(name)

    def folder(self, root: Path) -> None:
        """Every file below `root` but the embedded broker's and those that were searched unpacked.

        A store that is renewed meanwhile is searched where it is then.
        """
        searched: set[Path] = set()
        while stores := sorted({each.parent for each in root.rglob("data.mdb")} - searched):
            for folder in stores:
                searched.add(folder)
                with _gone_meanwhile(folder):
                    self._store(folder, str(folder.relative_to(root)))
        for path in sorted(root.rglob("*")):
            name = path.relative_to(root)
            if path.absolute() in self._unpacked:
                continue
            if path.is_file() and name.parts[0] != BROKER and path.name not in {"data.mdb", "lock.mdb"}:
                with _gone_meanwhile(path):
                    self._file(path, str(name))

    def snapshots(self) -> None:
        """Every snapshot of every partition, unpacked."""
        settings = self._settings
        kept = Snapshots(settings.snapshots_url, settings.namespace + settings.suffix)
        for partition in range(self._partitions()):
            for snapshot in kept.of(partition):
                with tempfile.TemporaryDirectory() as folder:
                    kept.unpack(snapshot, Path(folder) / "data.mdb")
                    self._store(Path(folder), snapshot.path, is_snapshot=True)
                self._unpacked.add(_file_of(settings.snapshots_url, snapshot.path))

    def archive(self) -> None:
        """Every file of the archive of the activity log."""
        kept = Archive.of(self._settings)
        for partition in kept.partitions():
            for file, rows in kept.parts(partition):
                looked = self._look(file.path(partition), "archive")
                looked.records, looked.bytes = rows.height, file.bytes
                data = b" ".join(_bytes_of_columns(rows))
                self._note(looked, Verdict.STAYS, self._needles.ids_in(data))
                self._note(looked, Verdict.LEFT, self._needles.texts_in(data))
                self._unpacked.add(_file_of(kept.url, f"{self._settings.topics.activity}/{looked.place}"))

    def _topic(self, name: str) -> None:
        kind = name.removeprefix(f"{self._settings.namespace}.").partition("-")[0]
        looked = self._look(name, "topic")
        standing: dict[bytes, list[set[bytes]]] = {}
        for record in read_to_end(self._settings, name, isolation_level="read_uncommitted"):
            looked.records += 1
            data = _bytes_of(record)
            looked.bytes += len(data)
            self._note(looked, Verdict.LEFT, self._needles.texts_in(data))
            ids = self._needles.ids_in(data)
            if kind not in _COMPACTED:
                self._note(looked, Verdict.STAYS if kind == "activity" else Verdict.LEFT, ids)
            elif record.value is not None:
                if ids:
                    standing.setdefault(record.key or b"", []).append(ids)
            else:
                for superseded in standing.pop(record.key or b"", ()):
                    self._note(looked, Verdict.WAITS, superseded)
                self._note(looked, Verdict.STAYS, ids)  # The tombstone itself, which goes a day later.
        for left in standing.values():
            for ids in left:
                self._note(looked, Verdict.LEFT, ids)

    def _store(self, folder: Path, name: str, *, is_snapshot: bool = False) -> None:
        looked = self._look(name, "LMDB")
        is_scoring = is_snapshot or name.startswith("scoring")
        rows: Counter[bytes] = Counter()
        marks: set[bytes] = set()
        meta = Meta()
        for table, key, value in _rows(folder):
            looked.records += 1
            looked.bytes += len(key) + len(value)
            texts, ids = self._needles.texts_in(key + value), self._needles.ids_in(key + value)
            rows.update(_matches(key, value, texts | ids))
            self._note(looked, Verdict.LEFT, texts)
            if is_scoring and table == "meta":
                meta = msgspec.json.decode(value, type=Meta)
            is_mark = is_scoring and table == "people" and _is_mark(value)
            marks |= ids if is_mark else set()
            is_told = table in {"erased", "changes"} and name.startswith("gateway")
            self._note(looked, Verdict.STAYS if is_mark else Verdict.WAITS if is_told else Verdict.LEFT, ids)
        with (
            (folder / "data.mdb").open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            unused = self._needles.count_in(data) - rows
        if is_snapshot or (is_scoring and meta.is_renewed):
            unused = Counter(
                {hit: number for hit, number in unused.items() if hit not in marks}
            )  # In LMDB's index of them.
        if unused:
            self._note(self._look(f"{name} ({UNUSED})", "LMDB"), Verdict.WAITS, set(unused))

    def _file(self, path: Path, name: str) -> None:
        looked = self._look(name, "file")
        data = path.read_bytes()
        looked.records, looked.bytes = 1, len(data)
        self._note(looked, Verdict.LEFT, self._needles.texts_in(data) | self._needles.ids_in(data))

    def _look(self, place: str, kind: str) -> Looked:
        self._on_step(place)
        self.looked.append(Looked(place, kind))
        return self.looked[-1]

    def _note(self, looked: Looked, verdict: Verdict, hits: Iterable[bytes]) -> None:
        for hit in hits:
            looked.hits[verdict] += 1
            self.found.append(Found(verdict, looked.place, hit.decode(errors="replace")))

    def _partitions(self) -> int:
        client = consumer(self._settings)
        try:
            return len(client.partitions_for_topic(self._settings.topics.activity) or ())
        finally:
            client.close()


def _file_of(url: str, path: str) -> Path:
    """Where an object below `url` is on this machine, if `url` is a folder's."""
    return Path(unquote(urlsplit(url).path), path)


@contextmanager
def _gone_meanwhile(path: Path) -> Iterator[None]:
    """What is not there any more cannot be read, and has nothing in it."""
    try:
        yield
    except (lmdb.Error, OSError, InvariantBroken):
        if path.exists():
            raise


def _bytes_of(record: ConsumerRecord) -> bytes:
    headers = b"".join(name.encode() + b" " + (value or b"") + b" " for name, value in record.headers)
    return (record.key or b"") + b" " + (record.value or b"") + b" " + headers


def _bytes_of_columns(rows: pl.DataFrame) -> Iterator[bytes]:
    """Everything in `rows` that is text or bytes, each value of a column once."""
    for column in rows.iter_columns():
        if column.dtype in {pl.String, pl.Binary}:
            yield from column.cast(pl.Binary).drop_nulls().unique().to_list()


def _is_mark(value: bytes) -> bool:
    """Whether a row of scoring's people says no more than that somebody is erased."""
    return len(value) == HEADER.itemsize and bool(np.frombuffer(value, dtype=HEADER)["erased"][0])


def _matches(key: bytes, value: bytes, words: Iterable[bytes]) -> dict[bytes, int]:
    return {word: key.count(word) + value.count(word) for word in words}


def _rows(folder: Path) -> Iterator[tuple[str, bytes, bytes]]:
    """Every row of every table of a store, while others read and write it."""
    with lmdb.open(str(folder), readonly=True, max_dbs=TABLES_MAX, create=False) as env:
        with env.begin() as txn:
            names = [bytes(key) for key, _ in txn.cursor()]
        tables = {}
        for name in names:
            try:
                tables[name.decode(errors="replace")] = env.open_db(name, create=False)
            except lmdb.Error:  # A row of the unnamed table, which no table is.
                continue
        with env.begin() as txn:
            for key, value in txn.cursor():
                if bytes(key).decode(errors="replace") not in tables:
                    yield "", bytes(key), bytes(value)
            for table, handle in tables.items():
                for key, value in txn.cursor(handle):
                    yield table, bytes(key), bytes(value)
