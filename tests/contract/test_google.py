"""Google's reviews, over a real socket: listed, then fetched when a message names them."""

from pathlib import Path
from typing import Any

from presence.demo.wire.google import BusinessProfile, written

from .polling import BUSY, GOOGLE, Kept, adds_up, polled, standing, until

PLACE = "locations/2"


def named(number: int) -> str:
    return f"accounts/1/{PLACE}/reviews/r{number}"


def review(number: int, stars: str, updated: str = "") -> dict[str, Any]:
    return written(named(number), stars, f"2026-01-{number + 1:02}T00:00:00.123456789Z", updated)


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
