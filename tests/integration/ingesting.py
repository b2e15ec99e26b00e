"""Ingest of Bluesky by file, by websocket and as a process, and what the log says after it."""

import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from presence.demo.frames import CAST
from presence.demo.jetstream import Jetstream
from presence.events.vocabulary import Event, Kind, Network, PersonKind
from presence.ingest.bootstrap import BlueskyOptions, Mode, bluesky_ingest
from presence.ingest.runner import Counts, Runner
from presence.log import codec
from presence.log.kafka import consumer, ensure_topics, partitions_of, read_to_end
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

REAL = Path(__file__).parents[1] / "data" / "jetstream_v1.jsonl"
BLUESKY = Network("bluesky")
PATIENCE_S = 60
Spawn = Callable[..., "subprocess.Popen[bytes]"]
Said = tuple[Any, ...]


def another(found: Settings) -> Settings:
    """The same, with a log of its own."""
    return replace(found, namespace=f"{found.namespace}b")


@contextmanager
def following(found: Settings) -> Iterator[Follower]:
    ensure_topics(found)
    follower = Follower(found, MasterKey.load(found))
    follower.catch_up()
    yield follower
    follower.close()


def enrol(found: Settings, *natives: str) -> None:
    with following(found) as follower:
        enrolment = Enrolment(found, MasterKey.load(found), follower)
        enrolment.enrol(
            [NewPerson(PersonKind.PERSON, BLUESKY, each, ConsentBasis.GRANTED) for each in natives]
        )
        enrolment.close()


def cast(found: Settings) -> None:
    enrol(found, *(member.did for member in CAST))


def logged(found: Settings) -> list[Event]:
    """Every record of the activity log that ingest made of what it read."""
    events = [codec.decode(record.value) for record in read_to_end(found, found.topics.activity)]
    return [event for event in events if event.kind not in {Kind.ENROLLED, Kind.WATERMARK}]


@contextmanager
def counting(found: Settings) -> Iterator[Callable[[], int]]:
    """How many records the activity log has, quickly."""
    reader = consumer(found)
    partitions = partitions_of(reader, found.topics.activity)
    yield lambda: sum(reader.end_offsets(partitions).values())
    reader.close()


def dead_letters(found: Settings) -> list[tuple[dict[str, str], bytes]]:
    records = read_to_end(found, found.topics.dlq)
    return [({name: value.decode() for name, value in each.headers}, each.value) for each in records]


def said(found: Settings) -> Counter[Said]:
    """What the log says, in the network's own ids, so that two logs of other people and keys can be compared."""
    with following(found) as follower:
        registry = follower.registry
        names = {person.id: registry.accounts_of(person.id)[0][1] for person in registry.people()} | {"": ""}
        events = logged(found)
        refs = {
            event.id: registry.person(event.person)[1].open(event.person, event.sealed_ref)
            for event in events
            if event.sealed_ref
        }
        by_id = {event.id: event for event in events}

        def one(event: Event) -> Said:
            what = (event.kind, event.direction, event.verb, event.object, event.gauge, event.value)
            when = (event.occurred_ms, event.ref_occurred_ms, event.magnitude, event.in_reply_to_other)
            undone = by_id.get(event.ref_id)
            return (
                names[event.person],
                names[event.actor_person],
                *what,
                *when,
                refs.get(event.id),
                undone and one(undone),
            )

        return Counter(one(event) for event in events)


def assert_none_twice(found: Settings) -> None:
    ids = Counter(event.id for event in logged(found))
    assert [number for number in ids.values() if number > 1] == []


def adds_up(counts: Counts) -> None:
    assert counts.read == counts.used + counts.skipped.total() + counts.dlq
    assert counts.reasons.total() == counts.dlq


def by_file(found: Settings, path: Path, mode: Mode = Mode.ENROLLED) -> Counts:
    with bluesky_ingest(found, BlueskyOptions(file=path, mode=mode)) as runner:
        counts = runner.run()
    adds_up(counts)
    return counts


@contextmanager
def played(source: Sequence[bytes], rate_per_s: float | None = None) -> Iterator[Jetstream]:
    server = Jetstream(source, rate_per_s=rate_per_s)
    server.start()
    yield server
    server.stop()


@contextmanager
def by_websocket(found: Settings, url: str, mode: Mode = Mode.ENROLLED) -> Iterator[Runner]:
    """An ingest in a thread; at the end of the block it is stopped, and everything it read is in the log."""
    with bluesky_ingest(found, BlueskyOptions(url=url, mode=mode)) as runner:
        thread = threading.Thread(target=runner.run)
        thread.start()
        yield runner
        runner.stop()
        thread.join()
    adds_up(runner.counts)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def ended(process: "subprocess.Popen[bytes]") -> int:
    return process.wait(timeout=PATIENCE_S)


def caught_up(found: Settings, undisturbed: Settings) -> None:
    """Wait until the one log has as much as the other; both have the cast's enrolments, only a live one watermarks."""
    with counting(undisturbed) as wanted, counting(found) as had:
        until(lambda: had() >= wanted() and len(logged(found)) + len(CAST) >= wanted())


def lines(path: Path, content: Sequence[bytes]) -> Path:
    path.write_bytes(b"\n".join(content) + b"\n")
    return path
