"""Networks that are asked, over a real socket: all pages, once each, through limits, failures and tokens that run out."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from presence.demo.wire.api import Answer, Api
from presence.demo.wire.google import BusinessProfile
from presence.demo.wire.linkedin import MemberChangelog, change
from presence.demo.wire.yelp import Fusion
from presence.events.errors import RetryLater, SourceUnavailable
from presence.events.vocabulary import Gauge, Kind
from presence.ingest.cursor import CursorStore
from presence.ingest.network import known
from presence.ingest.polled import Watch
from presence.ingest.rest import wait_s
from presence.log.clock import now_ms

from .polling import BUSY, GOOGLE, Kept, adds_up, polled, standing, until

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
