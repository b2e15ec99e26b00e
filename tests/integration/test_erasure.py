"""Unlinking and erasing as an operator does it, and what is kept of people who never enrolled: nothing."""

import hashlib
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from kafka import KafkaProducer
from tests.integration.scored import scores
from typer.testing import CliRunner, Result

from presence.broker.ports import free_port
from presence.cli.roster import app
from presence.cli.traces import Needles, Search
from presence.client import Client
from presence.client.errors import NotFound
from presence.demo.frames import CAST, did, frames
from presence.events.errors import CallerError
from presence.events.vocabulary import Event, EventId, Kind, Network, PersonId
from presence.ingest.bootstrap import BlueskyOptions, bluesky_ingest
from presence.log import codec
from presence.log.clock import now_ms
from presence.log.kafka import ensure_topics, producer, read_to_end
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.v1 import score_pb2

Spawn = Callable[..., "Popen[bytes]"]
PATIENCE_S = 180
ADA, BO = did("ada"), did("bo")
X = Network("x")
DAY_MS = 86_400_000


@pytest.fixture
def settings(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    found = Settings(
        kafka=kafka,
        namespace=namespace,
        data=tmp_path / "data",
        partitions=2,
        gateway=f"127.0.0.1:{free_port()}",
    )
    ensure_topics(found)
    return found


def run(settings: Settings, *arguments: str) -> Result:
    """`presence roster ...`, in this process: a new one costs seconds."""
    environment = {
        "PRESENCE_KAFKA": settings.kafka, "PRESENCE_NAMESPACE": settings.namespace,
        "PRESENCE_DATA": str(settings.data), "PRESENCE_GATEWAY": settings.gateway,
    }  # fmt: skip
    return CliRunner().invoke(app, arguments, env=environment)


def told(settings: Settings, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    done = run(settings, *arguments, "--json")
    assert done.exit_code == exit_code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)


def enrol(settings: Settings, native: str) -> PersonId:
    return PersonId(told(settings, "enrol", "--account", f"bluesky:{native}", "--consent")["person"])


def ingest(settings: Settings, path: Path) -> None:
    with bluesky_ingest(settings, BlueskyOptions(file=path)) as runner:
        runner.run()


def send(settings: Settings, *events: Event) -> None:
    sender = producer(settings)
    for event in events:
        key = event.person.encode() or None
        partitions = [None] if key else sorted(sender.partitions_for(settings.topics.activity))
        for partition in partitions:
            sender.send(settings.topics.activity, key=key, value=codec.encode(event), partition=partition)
    sender.flush()
    sender.close()


def events_of(settings: Settings, person: PersonId) -> list[Event]:
    records = read_to_end(settings, settings.topics.activity)
    return [codec.decode(each.value) for each in records if each.key == person.encode()]


def score(gateway: Client, person: PersonId) -> "int | None":
    try:
        return gateway.get_score(person).presence
    except NotFound:
        return None


def log_of_a_town(path: Path, count: int = 1_500) -> Path:
    path.write_bytes(b"\n".join(frames(count, end_ms=1_779_719_009_000, seed=5)) + b"\n")
    return path


def history(settings: Settings) -> dict[bytes, bytes | None]:
    return {each.key: each.value for each in read_to_end(settings, settings.topics.history)}


@pytest.fixture
def served(settings: Settings, spawn: Spawn) -> Iterator[Client]:
    spawn("presence.scoring", settings)
    spawn("presence.gateway", settings)
    with Client(settings.gateway) as gateway:
        until(gateway.serving)
        yield gateway


def test_an_erased_person_is_gone_everywhere_and_does_not_come_back(
    settings: Settings, served: Client, tmp_path: Path
) -> None:
    town = log_of_a_town(tmp_path / "town.jsonl")
    ada, bo = enrol(settings, ADA), enrol(settings, BO)
    ingest(settings, town)
    before = events_of(settings, ada)
    send(settings, Event(kind=Kind.CLOCK, observed_ms=now_ms() - now_ms() % DAY_MS + DAY_MS))
    until(lambda: len([key for key in history(settings) if key.startswith(ada.encode())]) == 1)
    until(lambda: score(served, ada) is not None and score(served, bo) is not None)
    link = next(each for each in before if each.sealed_ref)
    ref = opened(settings, ada, link.sealed_ref)
    exported(settings, ada, before, ref, tmp_path / "ada.zip")
    assert told(settings, "erase", ada, "--verify", exit_code=1)["left"], "who is enrolled is there"
    bos = scores(settings)[bo]

    done = told(settings, "erase", ada, "--yes")
    assert done["gone_from_gateway"]
    assert score(served, ada) is None
    found = told(settings, "erase", ada, "--verify", "--trace", ADA, "--trace", ref)
    assert found["left"] == 0
    assert found["stays"] >= len(before), "the log holds what nobody can read"
    assert {each["kind"] for each in found["looked"]} >= {"topic", "LMDB", "file"}

    # Late events, the whole capture again, and somebody else's late link.
    late = [replace(each, observed_ms=now_ms()) for each in before]
    send(
        settings,
        *late,
        *[replace(each, id=EventId(each.id ^ 1)) for each in late if each.kind == Kind.ACTIVITY],
    )
    ingest(settings, town)
    again = enrol(settings, ADA)
    assert again != ada
    ingest(settings, town)
    until(lambda: score(served, again) is not None)
    assert score(served, ada) is None
    assert isinstance(run(settings, "show", ada).exception, CallerError)
    assert not {each.id for each in before} & {each.id for each in events_of(settings, again)}
    assert not {each.account for each in before} & {each.account for each in events_of(settings, again)} - {0}
    assert told(settings, "erase", ada, "--verify", "--trace", ref)["left"] == 0
    assert history(settings)[next(key for key in history(settings) if key.startswith(ada.encode()))] is None
    assert scores(settings)[bo] == bos


def exported(settings: Settings, person: PersonId, events: list[Event], ref: str, path: Path) -> None:
    assert run(settings, "export", person, "--out", str(path)).exit_code == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        files = {name: archive.read(name).decode() for name in archive.namelist()}
    lines = [json.loads(line) for line in files["events.jsonl"].splitlines()]
    assert [each.get("id") for each in lines] == [each.id for each in events]
    assert [each["ref"] for each in lines if "ref" in each].count(ref) >= 1
    assert json.loads(files["roster.json"])["accounts"][0]["id"] == ADA
    assert json.loads(files["score.json"])["person"] == person
    assert len(files["history.jsonl"].splitlines()) == 1
    assert "events.jsonl" in files["README.txt"]


def opened(settings: Settings, person: PersonId, sealed: bytes) -> str:
    follower = Follower(settings, MasterKey.load(settings))
    follower.catch_up()
    key = follower.registry.person(person)[1]
    follower.close()
    return key.open(person, sealed)


def test_an_unlinked_account_counts_no_more_until_it_is_imported_again(
    settings: Settings, spawn: Spawn, tmp_path: Path
) -> None:
    spawn("presence.scoring", settings)
    town = log_of_a_town(tmp_path / "town.jsonl", 400)
    ada = enrol(settings, ADA)
    ingest(settings, town)
    until(lambda: newest(settings, ada).events > 0)
    before = newest(settings, ada)
    assert [
        each["network"] for each in told(settings, "unlink", ada, "--account", f"bluesky:{ADA}")["accounts"]
    ] == []
    until(lambda: newest(settings, ada).events == 0)
    assert newest(settings, ada).presence_millipoints == 0
    ingest(settings, town)
    assert len(told(settings, "code", ada, "--account", f"bluesky:{ADA}")["code"]) == 26
    told(settings, "link", ada, "--account", f"bluesky:{ADA}", "--proof", "vouch")
    assert newest(settings, ada).events == 0, "linking counts nothing of before"
    ingest(settings, town)
    until(lambda: newest(settings, ada).events == before.events)
    after = newest(settings, ada)
    assert after.accounts[0].account != before.accounts[0].account
    assert [each.millipoints for each in after.waterfall] == [each.millipoints for each in before.waterfall]
    assert isinstance(
        run(settings, "unlink", ada, "--account", "bluesky:did:plc:nobody").exception, CallerError
    )


def newest(settings: Settings, person: PersonId) -> score_pb2.Score:
    return score_pb2.Score.FromString(scores(settings).get(person, b""))


def test_nothing_is_kept_of_who_is_not_enrolled(settings: Settings, served: Client, tmp_path: Path) -> None:
    town = log_of_a_town(tmp_path / "town.jsonl")
    whole = town.read_bytes().splitlines()
    strangers = {member.did for member in CAST} | {json.loads(each)["did"] for each in whole}
    strangers -= {ADA}
    cut_off = [each[: len(each) * 2 // 3] for each in whole[:40]]
    garbled = [each.replace(b'"time_us":', b'"time_us":"') for each in whole[40:60]]
    town.write_bytes(b"\n".join([*whole, *cut_off, *garbled]) + b"\n")
    ada = enrol(settings, ADA)
    ingest(settings, town)
    until(lambda: score(served, ada) is not None)
    assert len(list(read_to_end(settings, settings.topics.dlq))) >= 40
    hashed = [
        hashlib.new(kind, each.encode()).hexdigest()
        for each in strangers
        for kind in ("md5", "sha1", "sha256", "blake2b")
    ]
    search = Search(settings, Needles([], [*strangers, *hashed]))
    search.topics()
    search.folder(settings.data)
    assert search.found == []
    assert sum(each.records for each in search.looked) > 500
    sender = producer(settings)
    sender.send(settings.topics.dlq, key=b"x", value=f"<{min(strangers)}>".encode()).get()
    sender.close()
    search.topics()
    assert {each.what for each in search.found} == {min(strangers)}, "the search finds what there is"


@pytest.mark.parametrize("late_s", [0.0, 0.5], ids=["at once", "after its producer knows"])
def test_a_change_of_the_roster_is_made_of_its_newest_state(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, late_s: float
) -> None:
    commit = KafkaProducer.commit_transaction

    def commit_late(one: KafkaProducer) -> None:
        time.sleep(late_s)
        commit(one)

    monkeypatch.setattr(KafkaProducer, "commit_transaction", commit_late)
    ada = enrol(settings, ADA)
    master = MasterKey.load(settings)
    followers = [Follower(settings, master) for _ in range(2)]
    first, second = (Enrolment(settings, master, each) for each in followers)
    for each in followers:
        each.catch_up()
    first.link(ada, X, "1")
    second.erase([ada])
    with pytest.raises(CallerError, match="nobody is enrolled"):
        first.link(ada, X, "2")
    with pytest.raises(CallerError, match="nobody is enrolled"):
        first.unlink(ada, X, "1")
    first.close()
    second.close()
    for each in followers:
        each.close()
    again = Follower(settings, master)
    again.catch_up()
    assert again.registry.people() == []
    again.close()
