"""Networks that are asked, over a real socket: all pages, once each, through limits, failures and tokens that run out."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presence.demo.wire.api import Answer, Api
from presence.demo.wire.google import BusinessProfile, written
from presence.demo.wire.linkedin import MemberChangelog, change
from presence.demo.wire.yelp import Fusion
from presence.events.errors import RetryLater, SourceUnavailable
from presence.events.vocabulary import Event, Gauge, Kind, PersonId
from presence.ingest.address import Addressing
from presence.ingest.cursor import Checkpoint, CursorStore, Trail
from presence.ingest.network import known
from presence.ingest.polled import PolledSource, Watch
from presence.ingest.received import ReceivedIndex
from presence.ingest.recent import Recent
from presence.ingest.rehearsal import LinesOutlet, NoCursors, OneEnrolled
from presence.ingest.rest import wait_s
from presence.ingest.runner import Runner
from presence.log.clock import now_ms

PATIENCE_S = 60


class Kept(LinesOutlet):
    """Keeps events, and acknowledges them only when told to."""

    def __init__(self) -> None:
        super().__init__(None)
        self.events: list[Event] = []
        self.holds_back = False
        self.sent = 0

    def event(self, event: Event) -> None:
        self.events.append(event)

    def passed(self, position: int) -> None:
        self.sent = position
        self.collect()

    def collect(self) -> None:
        if not self.holds_back:
            self.position = self.sent or None


@dataclass
class Polled:
    runner: Runner
    kept: Kept


@contextmanager
def polled(  # noqa: PLR0917 (who is asked, with what, for whom, and where places are kept)
    network: str,
    api: Api,
    given: Mapping[str, str],
    accounts: Sequence[str],
    folder: Path,
    kept: Kept | None = None,
) -> Iterator[Polled]:
    """A runner on a thread that asks `api`, for one person with all of `accounts`."""
    polling = known(network).polling
    assert polling is not None
    roster = OneEnrolled(PersonId("ada"), known(network).name, *accounts)
    cursors, received = CursorStore(folder / "places"), ReceivedIndex(folder / "received")
    poller = polling.poller(given, Watch(lambda: accounts, cursors, api.url))
    poller.every_s = 0.02
    source, kept = PolledSource(poller), kept or Kept()
    runner = Runner(
        source=source,
        decode=polling.decode,
        follower=roster,
        addressing=Addressing(known(network).name, roster.registry, received),
        received=received,
        delivery=kept,
        recent=Recent(),
        store=NoCursors(),
        trail=Trail(Checkpoint(None, {}), 0),
        on_acknowledged=source.acknowledged,
    )
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield Polled(runner, kept)
    finally:
        runner.stop()
        thread.join()
        for each in (source, cursors, received):
            each.close()


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


def adds_up(runner: Runner) -> None:
    counts = runner.counts
    assert counts.read == counts.used + counts.skipped.total() + counts.dlq


ADA, BO = "urn:li:person:ada", "urn:li:person:bo"
BORN = 1_780_000_000_000


def post(number: int, owner: str = ADA, method: str = "CREATE") -> dict[str, Any]:
    return change(owner, BORN + number * 1000, number, method)


def tokens(**held: dict[str, str]) -> dict[str, str]:
    members = {f"urn:li:person:{name}": token for name, token in held.items()}
    return {
        "PRESENCE_LINKEDIN_TOKENS": json.dumps(members),
        "PRESENCE_LINKEDIN_CLIENT_ID": "id",
        "PRESENCE_LINKEDIN_CLIENT_SECRET": "shh",
    }


def good(name: str) -> dict[str, str]:
    return {"access_token": f"token-of-urn:li:person:{name}"}


BUSY = [
    Answer(429, {}, {"Retry-After": "0"}),
    Answer(503, b"busy", {"Retry-After": "0"}),
    Answer(500, b""),
    None,
    Answer(200, b"{not json"),
]


def test_all_pages_of_all_members_once_through_limits_and_failures(tmp_path: Path) -> None:
    events = {ADA: [post(n) for n in range(120)], BO: [post(500 + n, BO) for n in range(3)]}
    api = MemberChangelog(events)
    api.failures.extend(BUSY[:2])
    with api, polled("linkedin", api, tokens(ada=good("ada"), bo=good("bo")), [ADA, BO], tmp_path) as one:
        until(lambda: one.runner.counts.events >= 60)
        api.failures.extend(BUSY[2:4])
        until(lambda: one.runner.counts.events >= 123)
        rounds = len(api.asked)
        until(lambda: len(api.asked) > rounds + 4)
    assert one.runner.counts.events == 123
    assert len({event.id for event in one.kept.events}) == 123
    adds_up(one.runner)


def test_after_a_restart_the_changelog_is_read_from_where_the_log_has_it(tmp_path: Path) -> None:
    api = MemberChangelog({ADA: [post(n) for n in range(60)]})
    given = tokens(ada=good("ada"))
    with api:
        with polled("linkedin", api, given, [ADA], tmp_path) as first:
            until(lambda: first.runner.counts.events == 60)
        api.events = {ADA: [post(n) for n in range(61)]}
        api.asked.clear()
        with polled("linkedin", api, given, [ADA], tmp_path) as second:
            until(lambda: second.runner.counts.read > 0)
        assert int(api.asked[0].query["startTime"]) == BORN + 59_000 + 500
        # The event at the cursor comes again, as the network says it does; the log's own ids tell it.
        assert second.runner.counts.read == 2
        assert {event.id for event in second.kept.events} - {event.id for event in first.kept.events}


def test_nothing_is_saved_that_the_log_has_not(tmp_path: Path) -> None:
    api = MemberChangelog({ADA: [post(n) for n in range(10)]})
    given, kept = tokens(ada=good("ada")), Kept()
    kept.holds_back = True
    with api:
        with polled("linkedin", api, given, [ADA], tmp_path, kept) as one:
            until(lambda: len(one.kept.events) == 10)
        api.asked.clear()
        with polled("linkedin", api, given, [ADA], tmp_path) as again:
            until(lambda: again.runner.counts.events == 10)
        assert "startTime" not in api.asked[0].query


def test_a_token_that_has_run_out_is_refreshed(tmp_path: Path) -> None:
    api = MemberChangelog({ADA: [post(0)]})
    api.refreshable["r"] = ADA
    held = {"access_token": "old", "refresh_token": "r"}
    with api, polled("linkedin", api, tokens(ada=held), [ADA], tmp_path) as one:
        until(lambda: one.runner.counts.events == 1)


def test_a_token_that_is_refused_right_after_it_was_refreshed_does_not_hold_up_the_others(
    tmp_path: Path,
) -> None:
    api = MemberChangelog({ADA: [post(0)], BO: [post(500, BO)]})
    api.refreshable["r"] = "urn:li:person:nobody"
    api.failures.append(Answer(401, {}))
    given = tokens(ada={"access_token": "old", "refresh_token": "wrong"}, bo=good("bo"))
    with api, polled("linkedin", api, given, [ADA, BO], tmp_path) as one:
        until(lambda: one.runner.counts.events == 1)


def test_answers_that_no_reference_knows_are_asked_for_again(tmp_path: Path) -> None:
    odd: list[Any] = [
        5,
        [],
        {"receivedMessages": [5]},
        {"receivedMessages": [{"ackId": "a", "message": {"data": "%"}}]},
    ]
    api = BusinessProfile({})
    cursors = CursorStore(tmp_path)
    polling = known("google").polling
    assert polling is not None
    with api:
        poller = polling.poller(GOOGLE, Watch(list, cursors, api.url))
        assert poller.step() == ()
        assert poller.step() is None
        for body in odd:
            api.failures.append(Answer(200, body))
            with pytest.raises(RetryLater):
                poller.step()
        assert poller.step() is None
        poller.close()
    cursors.close()


def test_a_member_who_has_withdrawn_does_not_stop_the_others(tmp_path: Path) -> None:
    api = MemberChangelog({ADA: [post(0)], BO: [post(0, BO)]})
    with (
        api,
        polled(
            "linkedin", api, tokens(ada={"access_token": "gone"}, bo=good("bo")), [ADA, BO], tmp_path
        ) as one,
    ):
        until(lambda: one.runner.counts.events == 1)
    assert len(one.kept.events) == 1


def test_when_every_token_is_refused_somebody_has_to_look(tmp_path: Path) -> None:
    polling = known("linkedin").polling
    assert polling is not None
    cursors = CursorStore(tmp_path)
    with MemberChangelog({ADA: []}) as api:
        poller = polling.poller(tokens(ada={"access_token": "gone"}), Watch(lambda: [ADA], cursors, api.url))
        with pytest.raises(SourceUnavailable, match="consent again"):
            poller.step()
        poller.close()
    cursors.close()


def test_a_deleted_post_is_taken_back_and_the_rest_is_skipped_by_name(tmp_path: Path) -> None:
    other = post(5) | {"resourceName": "messages"}
    api = MemberChangelog(
        {
            ADA: [
                post(0),
                post(1),
                other,
                post(6) | {"method": "UPDATE"},
                post(1, method="DELETE"),
                {"id": 9, "processedAt": BORN + 2_000_000},
            ]
        }
    )
    with api, polled("linkedin", api, tokens(ada=good("ada")), [ADA], tmp_path) as one:
        until(lambda: one.runner.counts.read >= 6)
    undo = [event for event in one.kept.events if event.kind == Kind.UNDO]
    assert [event.ref_id for event in undo] == [one.kept.events[1].id]
    assert one.runner.counts.skipped == {"only_in_export": 1, "edited": 1}
    assert one.runner.counts.reasons == {"shape": 1}
    adds_up(one.runner)


GOOGLE = {
    "PRESENCE_GOOGLE_CLIENT_ID": "id",
    "PRESENCE_GOOGLE_CLIENT_SECRET": "shh",
    "PRESENCE_GOOGLE_REFRESH_TOKEN": "r",
    "PRESENCE_GOOGLE_SUBSCRIPTION": "projects/p/subscriptions/s",
    "PRESENCE_GOOGLE_ACCOUNT": "accounts/1",
}
PLACE = "locations/2"


def named(number: int) -> str:
    return f"accounts/1/{PLACE}/reviews/r{number}"


def review(number: int, stars: str, updated: str = "") -> dict[str, Any]:
    return written(named(number), stars, f"2026-01-{number + 1:02}T00:00:00.123456789Z", updated)


def standing(events: Sequence[Event]) -> list[int]:
    undone = {event.ref_id for event in events if event.kind == Kind.UNDO}
    return sorted(event.rating for event in events if event.kind == Kind.ACTIVITY and event.id not in undone)


def test_reviews_are_listed_then_fetched_when_a_message_names_them(tmp_path: Path) -> None:
    api = BusinessProfile({named(n): review(n, "THREE") for n in range(5)})
    with api, polled("google", api, GOOGLE, [PLACE], tmp_path) as one:
        until(lambda: len(one.kept.events) == 5)
        api.reviews[named(7)] = review(7, "FIVE")
        api.reviews[named(0)] = review(0, "ONE", "2026-02-01T00:00:00Z")
        api.notify("NEW_REVIEW", named(7))
        api.notify("UPDATED_REVIEW", named(0))
        api.publish(b'{"type": "GOOGLE_UPDATE", "location": "accounts/1/locations/2"}')
        api.publish(b"\xff not json")
        until(lambda: len(api.acknowledged) == 4)
        assert standing(one.kept.events) == [1000, 3000, 3000, 3000, 3000, 5000]
        # One that is gone when it is asked for is taken back.
        del api.reviews[named(7)]
        api.notify("UPDATED_REVIEW", named(7))
        until(lambda: len(api.acknowledged) == 5)
    assert standing(one.kept.events) == [1000, 3000, 3000, 3000, 3000]
    assert one.runner.counts.skipped["unscored"] == 2
    adds_up(one.runner)


def test_a_message_is_acknowledged_only_after_the_log_has_its_review(tmp_path: Path) -> None:
    api, kept = BusinessProfile({named(0): review(0, "FOUR")}), Kept()
    kept.holds_back = True
    api.notify("NEW_REVIEW", named(0))
    with api:
        with polled("google", api, GOOGLE, [PLACE], tmp_path, kept) as one:
            until(lambda: one.runner.counts.read >= 3)
            assert api.acknowledged == []
        with polled("google", api, GOOGLE, [PLACE], tmp_path) as again:
            until(lambda: api.unacknowledged == {})
        assert {event.id for event in again.kept.events} == {event.id for event in kept.events}


def test_google_through_limits_failures_and_a_token_that_runs_out(tmp_path: Path) -> None:
    api = BusinessProfile({named(n): review(n, "TWO") for n in range(3)})
    api.failures.extend(BUSY[:3])
    with api, polled("google", api, GOOGLE, [PLACE], tmp_path) as one:
        until(lambda: len(one.kept.events) == 3)
        api.token = "access-1"  # The old one is taken no more.
        api.reviews[named(3)] = review(3, "FIVE")
        api.notify("NEW_REVIEW", named(3))
        until(lambda: len(one.kept.events) == 4)
    assert api.asked[-1].headers["authorization"] == "Bearer access-1"


def test_after_a_restart_only_what_is_newer_is_listed(tmp_path: Path) -> None:
    api = BusinessProfile({named(n): review(n, "FOUR") for n in range(7)})
    with api:
        with polled("google", api, GOOGLE, [PLACE], tmp_path) as first:
            until(lambda: first.runner.counts.events == 7)
            rounds = len(api.asked)
            until(lambda: len(api.asked) > rounds + 2)
        api.reviews[named(9)] = review(9, "FIVE")
        with polled("google", api, GOOGLE, [PLACE], tmp_path) as again:
            until(lambda: again.runner.counts.events == 2)
            rounds = len(api.asked)
            until(lambda: len(api.asked) > rounds + 2)
        # The newest of the list before comes again, as others may have been changed in its millisecond.
        assert again.runner.counts.read == 2


def rounds_of(
    network: str, api: Api, given: Mapping[str, str], accounts: Sequence[str], folder: Path
) -> list[int]:
    """How many requests each of two rounds takes, from its first step to the None that ends it."""
    polling = known(network).polling
    assert polling is not None
    cursors = CursorStore(folder)
    poller = polling.poller(given, Watch(lambda: accounts, cursors, api.url))
    asked = []
    for _ in range(2):
        before = len(api.asked)
        while poller.step() is not None:
            assert len(api.asked) < 100, "it goes round and round"
        asked.append(len(api.asked) - before)
    poller.close()
    cursors.close()
    return asked


def test_a_round_asks_everything_once_and_then_waits(tmp_path: Path) -> None:
    told = {"id": "rev1", "rating": 4, "time_created": "2026-03-04 01:02:03"}
    shown = {"rating": 4.5, "review_count": 12}
    with Fusion({"a": shown, "b": shown}, {"a": [told], "b": [told]}) as api:
        key = {"PRESENCE_YELP_API_KEY": "key"}
        assert rounds_of("yelp", api, key, ["a", "b"], tmp_path / "yelp") == [4, 4]
    held = tokens(ada=good("ada"), bo={"access_token": "gone"})
    with MemberChangelog({ADA: [post(0)], BO: []}) as api:
        assert rounds_of("linkedin", api, held, [ADA, BO], tmp_path / "linkedin") == [3, 2]


def test_yelp_tells_what_has_changed_and_waits_as_long_as_it_is_asked_to(tmp_path: Path) -> None:
    told = {
        "id": "rev1",
        "rating": 4,
        "text": "ok",
        "time_created": "2026-03-04 01:02:03",
        "user": {"id": "u1"},
    }
    api = Fusion({"biz": {"rating": 4.5, "review_count": 12}}, {"biz": [told]})
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    api.failures.append(Answer(429, {}, {"RateLimit-Remaining": "0", "RateLimit-ResetTime": past}))
    with api, polled("yelp", api, {"PRESENCE_YELP_API_KEY": "key"}, ["biz", "gone"], tmp_path) as one:
        until(lambda: one.runner.counts.gauges == 2 and one.runner.counts.events == 1)
        rounds = len(api.asked)
        until(lambda: len(api.asked) > rounds + 8)
        assert one.runner.counts.gauges == 2
        api.shown["biz"] = {"rating": 4.0, "review_count": 13}
        api.reviews["biz"] = [told | {"rating": 1, "time_created": "2026-05-04 01:02:03"}]
        until(lambda: one.runner.counts.gauges == 4 and one.runner.counts.events == 2)
    gauges = [(event.gauge, event.value) for event in one.kept.events if event.kind == Kind.GAUGE]
    assert gauges == [
        (Gauge.RATING_STARS, 4500),
        (Gauge.RATING_COUNT, 12),
        (Gauge.RATING_STARS, 4000),
        (Gauge.RATING_COUNT, 13),
    ]
    assert standing(one.kept.events) == [1000]
    adds_up(one.runner)


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ({}, 0),
        ({"retry-after": "17"}, 17),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "99999999"}, 86_400),
        ({"x-ratelimit-reset": "30"}, 30),
        ({"ratelimit-resettime": "not a time"}, 0),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0),
    ],
)
def test_how_long_a_network_asks_us_to_wait(headers: dict[str, str], wanted: float) -> None:
    assert wait_s(headers) == wanted


def test_a_time_to_wait_for_may_be_a_date() -> None:
    later = now_ms() // 1000 + 3600
    assert 3000 < wait_s({"x-ratelimit-reset": str(later)}) <= 3600
    assert 3000 < wait_s({"ratelimit-resettime": datetime.fromtimestamp(later, UTC).isoformat()}) <= 3600
