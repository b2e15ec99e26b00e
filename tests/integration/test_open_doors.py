"""The generic door and WebSub's callback at the receiver, over a real socket, into a real log."""

import hmac
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from presence.events.vocabulary import Event, Kind, Network, PersonKind, Verb
from presence.ingest.networks import blog_websub, other_door
from presence.ingest.webhooks.bootstrap import hooks, webhook_server
from presence.ingest.webhooks.server import WebhookServer
from presence.log import codec
from presence.log.kafka import ensure_topics, read_to_end
from presence.log.settings import Settings
from presence.roster.enrolment import Enrolment, NewPerson
from presence.roster.follower import Follower
from presence.roster.keys import MasterKey
from presence.roster.people import ConsentBasis

BO, FEED = "https://forum.example/users/bo", "https://blog.example/feed.xml"
ENV = {other_door.TOKEN: "token", blog_websub.SECRET: "s3cret"}
LIKE = {
    "id": "https://forum.example/acts/1",
    "type": "Like",
    "actor": "https://forum.example/users/ada",
    "object": {"id": "https://forum.example/posts/9", "type": "Article", "attributedTo": BO},
    "published": "2026-06-01T10:00:00Z",
}


@pytest.fixture
def found(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    settings = Settings(kafka=kafka, namespace=namespace, data=tmp_path / "data", partitions=2)
    ensure_topics(settings)
    follower = Follower(settings, MasterKey.load(settings))
    follower.catch_up()
    enrolment = Enrolment(settings, MasterKey.load(settings), follower)
    accounts = [(Network("other"), BO), (Network("blog"), FEED)]
    enrolment.enrol([NewPerson(PersonKind.PERSON, *each, ConsentBasis.GRANTED) for each in accounts])
    enrolment.close()
    follower.close()
    return settings


@contextmanager
def serving(found: Settings) -> Iterator[WebhookServer]:
    with webhook_server(found, hooks(ENV, ("other", "blog")), "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()


def acts(found: Settings) -> list[Event]:
    events = [codec.decode(record.value) for record in read_to_end(found, found.topics.activity)]
    return [event for event in events if event.kind == Kind.ACTIVITY]


def test_the_door_takes_all_of_a_request_or_says_what_is_wrong(found: Settings) -> None:
    with serving(found) as server, httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client:

        def post(
            body: object, token: str = "token", kind: str = "application/activity+json"
        ) -> httpx.Response:
            headers = {"authorization": f"Bearer {token}", "content-type": kind}
            return client.post("/door", content=json.dumps(body), headers=headers)

        bad = post([LIKE, LIKE | {"id": "https://forum.example/acts/2", "type": "Slap"}])
        assert bad.status_code == 400
        assert bad.json() == {"taken": 0, "errors": [{"item": 1, "reason": "unknown_type"}]}
        assert post(LIKE, "wrong").status_code == 401
        assert post(LIKE, kind="text/plain").status_code == 415
        assert acts(found) == []
        event = {"specversion": "1.0", "id": "1", "source": "/forum", "type": "act", "data": LIKE}
        assert post([event], kind="application/cloudevents-batch+json").status_code == 200
        assert post(LIKE).status_code == 200
        assert client.get("/door").status_code == 405
    (like,) = acts(found)
    assert (like.network, like.verb) == ("other", Verb.LIKE)


def test_a_hub_confirms_and_pushes(found: Settings) -> None:
    topic = blog_websub.Topic(FEED, FEED)
    with serving(found) as server:
        base = f"http://127.0.0.1:{server.port}"
        form: Mapping[str, str] = blog_websub.request(b"s3cret", base, topic)
        callback = form["hub.callback"]
        assert urlsplit(callback).port == server.port
        asked = {"hub.mode": "subscribe", "hub.topic": FEED, "hub.challenge": "c1", "hub.lease_seconds": "9"}
        answer = httpx.get(callback, params=asked)
        assert (answer.status_code, answer.text) == (200, "c1")
        assert httpx.get(callback, params=asked | {"hub.topic": "https://else.example/"}).status_code == 404
        body = (
            b"<rss><channel><item><guid>1</guid><link>/1</link>"
            b"<pubDate>Mon, 01 Jun 2026 10:00:00 GMT</pubDate></item></channel></rss>"
        )
        mac = hmac.new(form["hub.secret"].encode(), body, "sha256").hexdigest()
        for signature, status in ((f"sha256={mac}", 200), (f"sha256={mac[::-1]}", 401), ("", 401)):
            headers = {"x-hub-signature": signature}
            assert httpx.post(callback, content=body, headers=headers).status_code == status
    (post,) = acts(found)
    assert (post.network, post.verb) == ("blog", Verb.CREATE)
