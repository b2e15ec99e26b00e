"""Networks that are listened to and asked, over real sockets, into a real log: nothing lost, nothing twice."""

import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.networks.logs import enrol, logged, until

from presence.demo.wire.api import Answer
from presence.demo.wire.github import GitHub
from presence.demo.wire.x import ActivityStream
from presence.events.errors import CallerError
from presence.events.vocabulary import Kind, Verb
from presence.ingest.polling import polling_ingest
from presence.ingest.runner import Runner
from presence.ingest.streaming import streaming_ingest
from presence.log.settings import Settings

X = {"PRESENCE_X_BEARER_TOKEN": "b3arer", "PRESENCE_X_BACKFILL": "yes"}
GITHUB = {"PRESENCE_GITHUB_TOKEN": "t0ken"}


@pytest.fixture
def found(kafka: str, namespace: str, tmp_path: Path) -> Settings:
    return Settings(kafka=kafka, namespace=namespace, data=tmp_path / "data", partitions=2)


@contextmanager
def running(runner: Runner) -> Iterator[None]:
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join()


def line(event: str, payload: dict[str, Any]) -> bytes:
    told = {"event_type": event, "event_uuid": "u", "filter": {"user_id": "11"}, "payload": payload}
    return json.dumps({"data": told}).encode() + b"\r\n"


def test_x_by_its_stream_however_often_it_is_cut_and_started_again(found: Settings) -> None:
    enrol(found, "x:11")
    posts = [
        line("post.create", {"id": str(1_990_000_000_000_000_000 + n), "author_id": "11"}) for n in range(60)
    ]
    follow = {"source": {"data": {"id": "22"}}, "target": {"data": {"id": "11"}}}
    last = [
        line("follow.follow", follow),
        line("follow.unfollow", follow),
        line("post.delete", {"id": "1990000000000000000", "author_id": "11"}),
        b"no json\r\n",
        b'{"errors": [{"title": "operational-disconnect"}]}\r\n',
    ]
    never = threading.Event()
    # Each connection fills the gap from a little before, as backfill does, and one line is cut in two for good.
    first = ActivityStream(
        posts[:20], [*posts[10:40], posts[40][:30]], Answer(503, b""), [*posts[30:50], never]
    )
    with first, streaming_ingest(found, "x", X, first.url) as runner, running(runner):
        until(lambda: len(logged(found)) == 50)
    second = ActivityStream([b"\r\n", *posts[45:], *last, never])
    with second, streaming_ingest(found, "x", X, second.url) as runner, running(runner):
        until(lambda: runner.counts.skipped["stream_error"] == 1)
    assert runner.counts.reasons == {"json": 1}
    assert second.asked[0].query["backfill_minutes"] in {"1", "2", "3", "4", "5"}
    written = logged(found)
    assert set(Counter(event.id for event in written).values()) == {1}
    kinds = Counter((event.kind, event.verb) for event in written)
    assert kinds == {
        (Kind.ACTIVITY, Verb.CREATE): 60,
        (Kind.ACTIVITY, Verb.FOLLOW): 1,
        (Kind.UNDO, Verb.UNSPECIFIED): 2,
    }


def test_github_asked_again_and_again_and_started_again(found: Settings) -> None:
    enrol(found, "github:octocat")
    server = GitHub()

    def event(number: int, kind: str, by: str, payload: dict[str, Any]) -> dict[str, Any]:
        made = {"id": str(number), "type": kind, "actor": {"login": by}, "created_at": "2026-11-20T10:00:00Z"}
        return made | {"repo": {"id": 1, "name": "Octocat/hello"}, "payload": payload}

    pushes = [
        event(n, "PushEvent", "octocat", {"ref": "refs/heads/main", "head": f"{n:x}"})
        for n in range(250, 0, -1)
    ]
    stars = [event(1_000 + n, "WatchEvent", f"fan{n}", {"action": "started"}) for n in range(5, 0, -1)]
    server.lists = {
        "/users/octocat": {"login": "Octocat", "followers": 7},
        "/users/octocat/repos": [{"full_name": "Octocat/hello"}],
        "/users/octocat/events/public": pushes,
        "/repos/Octocat/hello/events": stars,
    }
    with server:
        for _ in range(2):
            with polling_ingest(found, "github", GITHUB, server.url) as runner, running(runner):
                until(
                    lambda: runner.source.done or any("/repos/Octocat" in each.path for each in server.asked)
                )
                until(lambda: len(logged(found)) >= 255)
            server.asked.clear()
        server.lists["/repos/Octocat/hello/events"] = [
            event(2_000, "ForkEvent", "fan9", {"forkee": {"id": 9}}),
            *stars,
        ]
        with polling_ingest(found, "github", GITHUB, server.url) as runner, running(runner):
            until(lambda: any(each.verb == Verb.ANNOUNCE for each in logged(found)))
    acts = [each for each in logged(found) if each.kind == Kind.ACTIVITY]
    assert Counter(each.verb for each in acts) == {Verb.CREATE: 250, Verb.STAR: 5, Verb.ANNOUNCE: 1}
    assert len({each.id for each in acts}) == len(acts)
    assert any(each.kind == Kind.GAUGE and each.value == 7 for each in logged(found))


def test_what_is_missing_is_named(found: Settings) -> None:
    for name, message in (("x", "PRESENCE_X_BEARER_TOKEN"), ("github", "no stream")):
        with pytest.raises(CallerError, match=message), streaming_ingest(found, name, {}):
            pass
    with pytest.raises(CallerError, match="PRESENCE_GITHUB_TOKEN"), polling_ingest(found, "github", {}):
        pass
