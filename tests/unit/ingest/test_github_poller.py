"""GitHub's events asked for, against a server that speaks its REST: nothing twice, nothing left out, limits kept."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from presence.demo.wire.api import Answer
from presence.demo.wire.github import GitHub
from presence.events.errors import RetryLater, SourceUnavailable
from presence.ingest.cursor import CursorStore
from presence.ingest.networks.github_poller import Events
from presence.ingest.polled import Found, Watch
from presence.log.clock import now_ms

FEED = "/users/octocat/events/public"


def event(number: int) -> dict[str, Any]:
    return {"id": str(number), "type": "WatchEvent", "created_at": "2026-11-24T10:00:00Z"}


@pytest.fixture
def github() -> GitHub:
    server = GitHub()
    server.lists = {
        "/users/octocat": {"login": "octocat", "followers": 7, "bio": "cat"},
        "/users/octocat/repos": [{"full_name": "octocat/hello"}],
        FEED: [],
        "/repos/octocat/hello/events": [],
    }
    return server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[CursorStore]:
    opened = CursorStore(tmp_path / "places")
    yield opened
    opened.close()


def poller(url: str, store: CursorStore) -> Events:
    return Events({"PRESENCE_GITHUB_TOKEN": "t0ken"}, Watch(lambda: ["octocat"], store, url))


def a_round(events: Events) -> list[Found]:
    found: list[Found] = []
    asked = 0
    while (step := events.step()) is not None:
        found += step
        asked += 1
        assert asked < 100
    return found


def numbers(found: list[Found]) -> list[int]:
    return [int(json.loads(each.data)["id"]) for each in found if not each.kind]


def test_all_pages_once_and_then_only_what_is_new(github: GitHub, store: CursorStore) -> None:
    github.lists[FEED] = [event(number) for number in range(250, 0, -1)]
    github.lists["/repos/octocat/hello/events"] = [event(1_000)]
    github.headers = {"X-Poll-Interval": "90"}
    with github:
        events = poller(github.url, store)
        first = a_round(events)
        assert numbers(first) == [*range(1, 251), 1_000]
        profile = next(json.loads(each.data) for each in first if each.kind == "profile")
        assert (profile["followers"], profile["at_ms"] <= now_ms()) == (7, True)
        before = len(github.asked)
        assert a_round(events) == []
        pairs = list(zip(github.asked, github.answered, strict=True))[before:]
        assert [status for asked, status in pairs if not asked.path.endswith("/repos")] == [304] * 3
        assert events.every_s == 90
        github.lists[FEED] = [event(number) for number in range(370, 120, -1)]
        assert numbers(a_round(events)) == list(range(251, 371))
        assert {each.headers["authorization"] for each in github.asked} == {"Bearer t0ken"}
        events.close()


def test_a_round_ends_also_when_its_last_answer_is_new(github: GitHub, store: CursorStore) -> None:
    github.lists["/repos/octocat/hello/events"] = [event(1)]
    with github:
        events = poller(github.url, store)
        a_round(events)
        github.lists["/repos/octocat/hello/events"] = [event(2), event(1)]
        assert numbers(a_round(events)) == [2]
        assert len(github.asked) == 8, "two rounds of four questions"
        events.close()


def test_a_restart_goes_on_after_what_the_log_has(github: GitHub, store: CursorStore) -> None:
    github.lists[FEED] = [event(number) for number in (3, 2, 1)]
    with github:
        events = poller(github.url, store)
        found = a_round(events)
        events.acknowledged(len(found) - 1)  # The last of the feed is not in the log yet.
        events.close()
        again = poller(github.url, store)
        found = a_round(again)
        assert numbers(found) == [1, 2, 3]
        again.acknowledged(len(found))
        again.close()
        github.lists[FEED].insert(0, event(4))
        third = poller(github.url, store)
        assert numbers(a_round(third)) == [4]
        third.close()


@pytest.mark.parametrize(
    ("failure", "wait_s"),
    [
        (Answer(429, {}, {"Retry-After": "7"}), 7),
        (Answer(403, {}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "9"}), 9),
        (Answer(502, {}), 0),
        (Answer(200, {}), 0),  # It is no list.
    ],
)
def test_what_passes_by_itself_is_asked_again(
    github: GitHub, store: CursorStore, failure: Answer, wait_s: float
) -> None:
    github.lists[FEED] = [event(number) for number in range(150, 0, -1)]
    with github:
        events = poller(github.url, store)
        events.step()
        while events._left[0] != FEED:  # noqa: SLF001 (so that the second page is what fails)
            events.step()
        github.failures.append(failure)
        with pytest.raises(RetryLater) as raised:
            events.step()
        assert raised.value.after_s == wait_s
        assert numbers(a_round(events)) == list(range(1, 151))
        events.close()


def test_the_last_request_of_the_hour_is_followed_by_a_pause(github: GitHub, store: CursorStore) -> None:
    github.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1800"}
    with github:
        events = poller(github.url, store)
        events.step()
        events.step()
        asked = len(github.asked)
        with pytest.raises(RetryLater) as raised:
            events.step()
        assert raised.value.after_s == 1800
        assert len(github.asked) == asked
        events.close()


def test_who_is_gone_is_passed_over_and_a_bad_token_ends_it(github: GitHub, store: CursorStore) -> None:
    del github.lists["/users/octocat"], github.lists["/users/octocat/repos"]
    github.lists[FEED] = [event(1)]
    with github:
        events = poller(github.url, store)
        assert numbers(a_round(events)) == [1]
        github.failures.append(Answer(401, {}))
        with pytest.raises(SourceUnavailable, match="401"):
            a_round(events)
        events.close()
