"""Erases many people while events for them flow and workers are killed, and looks for what is left of them.

What is compared: everybody else's score, byte by byte, with a fold of the log that has no record of the erased at all; the
erased with a fold of the whole log. A watcher asks for everybody who is gone from the first erasure on, also while an older
snapshot takes the place of the stores.
"""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc

from presence.cli.bench_members import Load, Member, enrolled
from presence.cli.bench_scoring import Workers
from presence.cli.bench_scratch import environment
from presence.cli.traces import Found, Needles, Search, Verdict
from presence.client import Client
from presence.client.errors import NotFound
from presence.demo.latency import percentile
from presence.events.errors import PresenceError, SourceUnavailable
from presence.events.vocabulary import PersonId
from presence.log.kafka import ensure_topics, producer, read_to_end
from presence.log.settings import Settings
from presence.model.spec import load
from presence.scoring.partition import Partition
from presence.scoring.store import Store
from presence.v1 import roster_service_pb2, roster_service_pb2_grpc

QUICK = {
    "segment.ms": "2000",
    "min.cleanable.dirty.ratio": "0.001",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "2000",
    "delete.retention.ms": "3600000",
    "file.delete.delay.ms": "1000",
}
"""Of compacted topics, so that compaction can be waited for."""
SOON = {"PRESENCE_RENEW_S": "2", "PRESENCE_GATEWAY_WATCH_RETENTION_S": "10"}
"""Of scoring and gateway, so that it can be waited for: stores renewed, and watches told no more of who is erased."""
SNAPSHOT_S = 15
NOBODY = PersonId("p_" + "a" * 26)
PARALLEL = 4
PATIENCE_S = 240
ERASE_TIMEOUT_S = 60.0


class Watcher(threading.Thread):
    """Asks again and again for everybody who is gone; `back` are those who were seen again."""

    def __init__(self, address: str) -> None:
        super().__init__(daemon=True)
        self._address = address
        self.gone: list[PersonId] = []
        self.back: set[str] = set()
        self.asked = 0
        self.stopping = threading.Event()

    def run(self) -> None:
        with Client(self._address) as client:
            while not self.stopping.wait(0.05):
                gone = list(self.gone)
                for start in range(0, len(gone), 1000):
                    try:
                        found = client.batch_get_scores(gone[start : start + 1000])
                    except PresenceError:
                        continue
                    self.back |= {score.person for score in found.scores}
                    self.asked += 1


def measure(
    settings: Settings, *, people: int, erasures: int, rate: int, kills: int, workers: int
) -> dict[str, Any]:
    """One run. `wrong` of the result is 0 if nothing of the erased is left and nobody else's score is another."""
    ensure_topics(settings, compacts=QUICK)
    members = enrolled(settings, people)
    gone = members[:erasures]
    load_ = Load(settings, members, rate)
    load_.send(10 * people)
    crew = Workers(settings, workers, SOON | {"PRESENCE_SNAPSHOT_INTERVAL_S": str(SNAPSHOT_S)})
    with _gateway(settings) as client:
        watcher = Watcher(settings.gateway)
        try:
            _wait(lambda: client.serving() and _scored(client, members), crew, "the first scores")
            older = _older_snapshot(settings, crew)
            watcher.start()
            with load_.running():
                took_ms, killed = _erase(settings, gone, crew, watcher, kills)
                back_store = _restore(settings, crew, older)
                time.sleep(2)
            crew.check()
            wrong = _settled(settings, members, erasures, crew)
            _wait(lambda: not _stale_snapshots(settings, gone[0]), crew, "the snapshots to be purged")
            found, looked = _search(settings, gone)
        finally:
            watcher.stopping.set()
            crew.stop()
    left = [each for each in found if each.verdict == Verdict.LEFT]
    waits = [each for each in found if each.verdict == Verdict.WAITS]
    return {
        "case": "erasure",
        "people": people,
        "erased": erasures,
        "events": load_.sent,
        "kills": killed,
        "gone_ms_p50": percentile(took_ms, 50),
        "gone_ms_p99": percentile(took_ms, 99),
        "gone_ms_max": max(took_ms),
        "others": people - erasures,
        "others_differing": wrong["others"],
        "erased_scored": wrong["erased"],
        "restored_from_offset": back_store,
        "seen_again": len(watcher.back),
        "left": len(left),
        "where": ", ".join(sorted({each.where for each in left + waits})[:10]),
        "waits": len(waits),
        "pseudonyms_in_log": sum(each.verdict == Verdict.STAYS for each in found),
        "searched_records": sum(each.records for each in looked),
        "searched_bytes": sum(each.bytes for each in looked),
        "wrong": wrong["others"] + wrong["erased"] + len(watcher.back) + len(left) + len(waits),
    }


@contextmanager
def _gateway(settings: Settings) -> Iterator[Client]:
    with (settings.data / "gateway.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "presence.gateway"],
            env=environment(settings) | SOON | {"PRESENCE_GATEWAY": settings.gateway},
            stdout=log,
            stderr=log,
        )
    try:
        with Client(settings.gateway, timeout_s=20) as client:
            yield client
    finally:
        process.terminate()
        process.wait(15)


def _scored(client: Client, members: Sequence[Member]) -> bool:
    return client.list_page(page_size=1).total == len(members)


def _older_snapshot(settings: Settings, crew: Workers) -> Path:
    """A copy of the snapshots as they are before anybody is erased."""
    kept = settings.data / "snapshots"
    _wait(lambda: len(list(kept.rglob("*.mdb.zst"))) >= settings.partitions, crew, "the first snapshots")
    return Path(shutil.copytree(kept, settings.data.parent / f"{settings.data.name}-older"))


def _erase(
    settings: Settings, gone: Sequence[Member], crew: Workers, watcher: Watcher, kills: int
) -> tuple[list[int], int]:
    """Erase all over the API; milliseconds from each request to the moment at which the API knows nothing of them."""
    every, killed = max(1, len(gone) // (kills + 1)), 0
    with ThreadPoolExecutor(PARALLEL) as pool, Client(settings.gateway) as client:
        channel = grpc.insecure_channel(settings.gateway)
        stub = roster_service_pb2_grpc.RosterServiceStub(channel)

        def one(member: Member) -> int:
            began = time.monotonic()
            request = roster_service_pb2.ErasePersonRequest(person=member.id)
            if not stub.ErasePerson(request, timeout=ERASE_TIMEOUT_S).gone:
                while not _is_gone(client, member.id):
                    time.sleep(0.05)
            took = round(1000 * (time.monotonic() - began))
            watcher.gone.append(member.id)
            return took

        took = []
        for number, each in enumerate(pool.map(one, gone), 1):
            took.append(each)
            if number % every == 0 and killed < kills:
                crew.kill_one()
                killed += 1
        channel.close()
    return took, killed


def _is_gone(client: Client, person: PersonId) -> bool:
    try:
        client.get_score(person)
    except NotFound:
        return True
    except PresenceError:
        pass
    return False


def _restore(settings: Settings, crew: Workers, older: Path) -> int:
    """Take all stores and snapshots away and put the older snapshots in their place; the least offset that they begin with."""
    crew.stop()
    shutil.rmtree(settings.scoring)
    shutil.rmtree(settings.data / "snapshots")
    shutil.copytree(older, settings.data / "snapshots")
    shutil.rmtree(older)
    offsets = [int(each.name.partition(".")[0]) for each in (settings.data / "snapshots").rglob("*.mdb.zst")]
    crew.start_again()
    return min(offsets)


def _settled(settings: Settings, members: Sequence[Member], erasures: int, crew: Workers) -> dict[str, int]:
    """How many of the others have another score than without the erased, and how many of the erased have one."""
    gone = {member.id for member in members[:erasures]}
    with_all, without = _folded(settings, frozenset()), _folded(settings, gone)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        crew.check()
        published = _published(settings)
        others = sum(published.get(person) != value for person, value in without.items())
        erased = len((published.keys() | {who for who, value in with_all.items() if value}) & gone)
        if not others + erased or time.monotonic() > deadline:
            return {"others": others, "erased": erased}
        time.sleep(1)


def _published(settings: Settings) -> dict[str, bytes]:
    newest = {each.key.decode(): each.value for each in read_to_end(settings, settings.topics.scores)}
    return {person: value for person, value in newest.items() if value is not None}


def _folded(settings: Settings, without: "frozenset[PersonId] | set[PersonId]") -> dict[str, bytes | None]:
    """What scoring makes of the log, all at once in an empty store, but for the records of some people."""
    logs: dict[int, list[Any]] = {number: [] for number in range(settings.partitions)}
    for record in read_to_end(settings, settings.topics.activity):
        if (record.key or b"").decode() not in without:
            logs[record.partition].append(record)
    found: dict[str, bytes | None] = {}
    model = load(settings.model)
    for number, records in logs.items():
        folder = settings.data.parent / f"{settings.data.name}-fold"
        partition = Partition(number, Store(folder), model)
        partition.apply(records, after_gap=True)
        while publication := partition.due():
            found |= dict(publication.scores)
            partition.published(publication)
        partition.store.close()
        shutil.rmtree(folder)
    return found


def _stale_snapshots(settings: Settings, member: Member) -> bool:
    """Whether a snapshot still knows more of somebody than that they are erased."""
    search = Search(settings, Needles([member.id]))
    search.snapshots()
    return any(each.verdict == Verdict.LEFT for each in search.found)


def _search(settings: Settings, gone: Sequence[Member]) -> tuple[list[Found], list[Any]]:
    """What is found once Kafka has compacted what it has to, and the stores are renewed."""
    needles = Needles([member.id for member in gone], [member.native for member in gone])
    deadline = time.monotonic() + PATIENCE_S
    while True:
        _turn_pages(settings)
        time.sleep(5)
        search = Search(settings, needles)
        search.everywhere()
        if all(each.verdict == Verdict.STAYS for each in search.found) or time.monotonic() > deadline:
            return search.found, search.looked


def _turn_pages(settings: Settings) -> None:
    """A tombstone more of nobody in each compacted partition: only what another record follows is compacted."""
    sender = producer(settings)
    for topic, key in (
        (settings.topics.roster, NOBODY),
        (settings.topics.scores, NOBODY),
        (settings.topics.history, f"{NOBODY}/2000-01-01"),
        (settings.topics.reasons, f"{NOBODY}/associates"),
    ):
        for partition in sender.partitions_for(topic):
            sender.send(topic, key=key.encode(), value=None, partition=partition)
    sender.flush()
    sender.close()


def _wait(holds: Any, crew: Workers, what: str) -> None:
    """Raises SourceUnavailable if it does not come about."""
    deadline = time.monotonic() + PATIENCE_S
    while not _held(holds):
        crew.check()
        if time.monotonic() > deadline:
            raise SourceUnavailable(f"waited in vain for {what}")
        time.sleep(0.2)


def _held(holds: Any) -> bool:
    try:
        return bool(holds())
    except PresenceError:
        return False
