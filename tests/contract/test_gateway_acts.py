"""ExplainScore since a day or a revision, with the acts behind the change and their links, over a socket."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from kafka import KafkaProducer

from presence.client import Access, Client, InvalidArgument, LinksSealed, NotFound, NotPermitted
from presence.events.vocabulary import (
    AccountHash,
    Direction,
    Event,
    EventId,
    Kind,
    Network,
    Object,
    PersonId,
    PersonKind,
    Verb,
)
from presence.gateway.callers import new_key
from presence.log import codec
from presence.log.kafka import ensure_topics, producer
from presence.log.revision import Revision, encode
from presence.log.settings import Settings
from presence.roster import people
from presence.roster.keys import DataKey, MasterKey
from presence.roster.people import ConsentBasis
from presence.v1.score_pb2 import Score, WaterfallEntry
from presence.v1.service_pb2 import ExplainScoreRequest

TIMEOUT_S = 90.0
SOMEBODY, ANOTHER = (PersonId("p_" + letter * 26) for letter in "ab")
T0 = 1_790_000_000_000


@dataclass
class Log:
    """One partition of activity, scores and roster, as ingest, scoring and enrolment write them."""

    settings: Settings
    writer: KafkaProducer
    keys: dict[PersonId, DataKey]

    def act(self, number: int, person: PersonId = SOMEBODY, link: str = "") -> Revision:
        sealed = self.keys[person].seal(person, link) if link else b""
        event = Event(
            kind=Kind.ACTIVITY,
            id=EventId(number),
            person=person,
            network=Network("x"),
            account=AccountHash(7),
            direction=Direction.TO,
            verb=Verb.LIKE,
            object=Object.NOTE,
            occurred_ms=T0 + number,
            observed_ms=T0 + number,
            magnitude=1,
            sealed_ref=sealed,
        )
        return self._write(self.settings.topics.activity, person, codec.encode(event))

    def score(self, revision: Revision, points: int, person: PersonId = SOMEBODY) -> str:
        self._write(self.settings.topics.scores, person, _score(person, revision, points))
        return encode(revision)

    def close_day(self, day: str, revision: Revision, points: int) -> None:
        self._write(self.settings.topics.history, f"{SOMEBODY}/{day}", _score(SOMEBODY, revision, points))

    def enrol(self, person: PersonId, master: MasterKey) -> None:
        record = people.Person(
            person,
            PersonKind.PERSON,
            ConsentBasis.GRANTED,
            T0,
            "2026-11-23",
            master.seal(person, self.keys[person]),
            master.id,
        )
        self._write(self.settings.topics.roster, person, people.encode(record))

    def erase(self, person: PersonId) -> None:
        self._write(self.settings.topics.roster, person, None)

    def _write(self, topic: str, key: str, value: bytes | None) -> Revision:
        sent = self.writer.send(topic, key=key.encode(), value=value).get(TIMEOUT_S)
        return Revision(sent.partition, sent.offset)


def _score(person: PersonId, revision: Revision, points: int) -> bytes:
    reasons = [WaterfallEntry(entry="reach", network="x", account=7, millipoints=points)]
    return Score(
        person=person,
        revision=encode(revision),
        presence_millipoints=points,
        waterfall=reasons,
        events=points,
    ).SerializeToString()


@pytest.fixture
def log(kafka: str, namespace: str, tmp_path: Path) -> Iterator[Log]:
    settings = Settings(kafka=kafka, namespace=namespace, data=tmp_path, partitions=1)
    ensure_topics(settings)
    writer = producer(settings)
    yield Log(settings, writer, {person: DataKey.new() for person in (SOMEBODY, ANOTHER)})
    writer.close()


def told(gateway: Any, revision: str, **access: Any) -> Client:
    """A client, once the gateway tells this revision."""
    client = Client(gateway.address, timeout_s=TIMEOUT_S, **access)
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            if client.get_score(SOMEBODY).revision == revision:
                return client
        except NotFound:
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def ask_on(ask: Callable[[], object]) -> None:
    """Ask again and again, until it raises or the time is over."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        ask()


def test_a_change_names_the_acts_behind_it_since_a_revision_and_since_a_day(
    log: Log, new_gateway: Callable[..., Any]
) -> None:
    first = log.score(log.act(1), 1_000)
    log.close_day("2026-11-20", log.act(2), 2_000)
    for number in range(3, 6):
        log.act(100 + number, ANOTHER)
        at = log.act(number)
    last = log.score(at, 5_000)
    log.act(6)  # Not counted by any score yet: it is behind no change.
    with told(new_gateway(log.settings), last) as client:
        since = client.explain_score(SOMEBODY, since_revision=first, acts=10).change
        assert since is not None
        assert (since.day, since.presence, since.revision, since.events) == ("", 1_000, first, 4_000)
        assert [(reason.entry, reason.millipoints) for reason in since.reasons] == [("reach", 4_000)]
        assert [act.id for act in since.acts.acts] == [2, 3, 4, 5]
        act = since.acts.acts[-1]
        assert (act.kind, act.direction, act.verb, act.object) == ("activity", "to", "like", "note")
        assert (act.network, act.account, act.occurred_ms, act.link) == ("x", 7, T0 + 5, "")
        assert act.revision == last
        assert (since.acts.next_page_token, since.acts.records_left) == ("", 0)

        day = client.explain_score(SOMEBODY, since_day="2026-11-21", acts=10).change
        assert day is not None
        assert (day.day, [act.id for act in day.acts.acts]) == ("2026-11-20", [3, 4, 5])
        assert client.explain_score(SOMEBODY, since_day="2026-11-21").change.acts.acts == ()  # type: ignore[union-attr]

        page = client.explain_score(SOMEBODY, since_revision=first, acts=2).change
        assert page is not None
        assert [act.id for act in page.acts.acts] == [2, 3]
        assert page.acts.records_left > 0
        assert [act.id for act in client.acts(SOMEBODY, since_revision=first)] == [2, 3, 4, 5]
        # A closing is kept by day, whether or not its revision was ever published.
        same = client.explain_score(SOMEBODY, since_revision=last, acts=10).change
        assert same is not None
        assert (same.reasons, same.acts.acts) == ((), ())


def test_a_revision_that_is_not_kept_or_not_there_yet_is_unknown(
    log: Log, new_gateway: Callable[..., Any]
) -> None:
    passed_over = log.act(1)
    last = log.score(log.act(2), 2_000)
    with told(new_gateway(log.settings), last) as client:
        for unknown in (passed_over, Revision(0, 10**6), Revision(3, 0)):
            with pytest.raises(NotFound, match="no score of"):
                client.explain_score(SOMEBODY, since_revision=encode(unknown))
        for wrong, field in (
            ({"since_revision": "?"}, "since_revision"),
            ({"since_revision": last, "since_day": "2026-11-20"}, "since_revision"),
            ({"acts": 5}, "acts_page_size"),
            ({"acts": -1, "since_revision": last}, "acts_page_size"),
            ({"links": True}, "links"),
        ):
            with pytest.raises(InvalidArgument) as refused:
                client.explain_score(SOMEBODY, **wrong)
            assert refused.value.violations[0].field == field


def test_links_are_unsealed_for_who_may_and_never_written_down(
    log: Log, new_gateway: Callable[..., Any], tmp_path: Path
) -> None:
    link = "https://x.example/somebody/status/1"
    master = MasterKey.load(log.settings)
    log.enrol(SOMEBODY, master)
    first = log.score(log.act(1), 1_000)
    last = log.score(log.act(2, link=link), 2_000)
    held = {name: new_key(name) for name in ("narrow", "wide")}
    scopes = {
        "narrow": '["scores.read", "explain.read"]',
        "wide": '["scores.read", "explain.read", "links.read"]',
    }
    file = tmp_path / "callers.toml"
    file.write_text(
        "".join(
            f'[[caller]]\nid = "{name}"\nsecret_sha256 = "{key.secret_sha256}"\nscopes = {scopes[name]}\n'
            for name, key in held.items()
        )
    )
    gateway = new_gateway(log.settings, environment={"PRESENCE_GATEWAY_CALLERS_FILE": str(file)})
    with told(gateway, last, access=Access(token=held["wide"].key)) as client:
        (act,) = client.acts(SOMEBODY, since_revision=first, links=True)
        assert act.link == link
        (sealed,) = client.acts(SOMEBODY, since_revision=first)
        assert sealed.link == ""
        log.erase(SOMEBODY)
        with pytest.raises(
            LinksSealed, match="no key of this person"
        ):  # The key goes with the roster's record.
            ask_on(lambda: list(client.acts(SOMEBODY, since_revision=first, links=True)))
    with told(gateway, last, access=Access(token=held["narrow"].key)) as client:
        assert len(list(client.acts(SOMEBODY, since_revision=first))) == 1
        with pytest.raises(NotPermitted, match=r"links\.read"):
            client.explain_score(SOMEBODY, since_revision=first, acts=5, links=True)
    logged = gateway.log_path.read_text()
    assert "ExplainScore" in logged
    for secret in (SOMEBODY, link, "somebody"):
        assert secret not in logged


def test_without_a_master_key_links_stay_sealed_and_it_says_so(
    log: Log, new_gateway: Callable[..., Any]
) -> None:
    first = log.score(log.act(1), 1_000)
    last = log.score(log.act(2, link="https://x.example/1"), 2_000)
    with told(new_gateway(log.settings), last) as client:
        with pytest.raises(LinksSealed, match="PRESENCE_MASTER_KEY"):
            client.explain_score(SOMEBODY, since_revision=first, acts=5, links=True)
        assert not (log.settings.data / "master.key").exists()


def test_the_command_shows_the_acts_and_what_is_left(log: Log, new_gateway: Callable[..., Any]) -> None:
    first = log.score(log.act(1), 1_000)
    for number in range(2, 30):
        at = log.act(number)
    gateway = new_gateway(log.settings)
    told(gateway, log.score(at, 2_000)).close()

    def presence(*arguments: str) -> str:
        environment = os.environ | {"PRESENCE_GATEWAY": gateway.address}
        command = [sys.executable, "-m", "presence.cli.main", "explain", SOMEBODY, *arguments]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    change = json.loads(presence("--since", first, "--acts", "3", "--json"))["change"]
    assert [act["id"] for act in change["acts"]] == [f"{number:016x}" for number in (2, 3, 4)]
    assert change["records_left"] > 0
    shown = presence("--since", first)
    assert "to like note" in shown
    assert "records of the log are still to be searched" in " ".join(shown.replace("│", " ").split())


def test_a_page_of_another_change_is_refused(log: Log, new_gateway: Callable[..., Any]) -> None:
    first = log.score(log.act(1), 1_000)
    second = log.score(log.act(2), 1_500)
    log.act(3)
    last = log.score(log.act(4), 2_000)
    gateway = new_gateway(log.settings)
    with told(gateway, last) as client:
        change = client.explain_score(SOMEBODY, since_revision=first, acts=1).change
        assert change is not None
        for token, since in ((change.acts.next_page_token, second), ("?", first)):
            request = ExplainScoreRequest(
                person=SOMEBODY, since_revision=since, acts_page_size=1, acts_page_token=token
            )
            with pytest.raises(grpc.RpcError) as refused:
                gateway.scores.ExplainScore(request, timeout=TIMEOUT_S)
            assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
