"""The same acts have the same ids and say the same, captured live or imported from the network's export."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from presence.events.vocabulary import Event, Kind, Network, PersonId
from presence.ingest.acts import Native
from presence.ingest.address import Addressing
from presence.ingest.frames import Frame
from presence.ingest.networks import google, google_takeout, linkedin, linkedin_changes, linkedin_export
from presence.ingest.received import ReceivedIndex
from presence.ingest.rehearsal import OneEnrolled

NOW_MS = 1_790_000_000_000
ADA = "urn:li:person:ada"
POST, OTHERS = "7458194261025673216", "7401794121226568123"
COMMENT_MS = 1_781_121_253_123
COMMENT = str(COMMENT_MS << 22)
LINK = "https://www.linkedin.com/feed/update/urn%3Ali%3A"


@pytest.fixture
def known_as(tmp_path: Path) -> Any:
    def events(network: Network, account: str, natives: Sequence[Native]) -> list[Event]:
        received = ReceivedIndex(tmp_path / network)
        roster = OneEnrolled(PersonId("ada"), network, account)
        found = Addressing(network, roster.registry, received).events(natives, NOW_MS)
        received.close()
        return found

    return events


def content(event: Event) -> tuple[Any, ...]:
    """All but what is sealed, which has a random nonce."""
    what = (event.kind, event.id, event.direction, event.verb, event.object, event.actor, event.rating)
    return (*what, event.occurred_ms, event.time_quality, event.magnitude, event.in_reply_to_other)


def change(resource: str, activity: dict[str, Any], **more: Any) -> bytes:
    told = {"owner": ADA, "actor": ADA, "resourceName": resource, "method": "CREATE", "activity": activity}
    return json.dumps(told | {"capturedAt": 1_788_601_845_999, "processedAt": 1} | more).encode()


@pytest.mark.parametrize(
    ("resource", "activity", "kind", "row"),
    [
        (
            "ugcPosts",
            {"id": f"urn:li:ugcPost:{POST}", "created": {"time": 1}},
            "shares",
            {"Date": "2026-05-07 16:41:18", "ShareLink": f"{LINK}ugcPost%3A{POST}"},
        ),
        (
            "socialActions/comments",
            {"id": COMMENT, "object": f"urn:li:activity:{OTHERS}", "created": {"time": COMMENT_MS}},
            "comments",
            {"Date": "2026-06-10 19:54:13", "Link": f"{LINK}activity%3A{OTHERS}", "Message": "ok"},
        ),
        (
            "socialActions/comments",
            {"id": COMMENT, "object": f"urn:li:activity:{OTHERS}", "created": {"time": COMMENT_MS}},
            "comments",
            {
                "Date": "2026-06-10 19:54:13",
                "Link": f"{LINK}activity%3A{OTHERS}?commentUrn=urn%3Ali%3Acomment%3A%28activity%3A{OTHERS}%2C{COMMENT}%29",
            },
        ),
        (
            "socialActions/likes",
            {"object": f"urn:li:activity:{OTHERS}", "created": {"time": 1_788_601_845_678}},
            "reactions",
            {"Date": "2026-09-05 09:50:45", "Type": "LIKE", "Link": f"{LINK}activity%3A{OTHERS}"},
        ),
        (
            "originalArticles",
            {"id": "1", "publishedAt": 1_726_812_733_000, "permalink": "https://www.linkedin.com/pulse/one"},
            linkedin_export.ARTICLE,
            {"published": "2024-09-20 06:12", "link": "https://www.linkedin.com/pulse/one"},
        ),
    ],
)
def test_of_linkedin(resource: str, activity: Any, kind: str, row: Any, known_as: Any) -> None:
    live = linkedin_changes.decode(change(resource, activity), NOW_MS).natives
    data = json.dumps(row).encode()
    exported = linkedin_export.decode(Frame(data, 1, len(data), kind), ADA, NOW_MS).natives
    (one,), (other,) = (known_as(linkedin.NETWORK, ADA, each) for each in (live, exported))
    assert content(one) == content(other)


@pytest.mark.parametrize(
    ("resource", "created", "deleted"),
    [
        ("ugcPosts", {"id": f"urn:li:share:{POST}"}, {"resourceId": f"urn:li:share:{POST}"}),
        (
            "socialActions/likes",
            {"object": f"urn:li:activity:{OTHERS}", "created": {"time": 1_788_601_845_678}},
            {"resourceUri": f"/socialActions/urn:li:activity:{OTHERS}/likes/{ADA}"},
        ),
        (
            "socialActions/comments",
            {"id": COMMENT, "object": f"urn:li:activity:{OTHERS}", "created": {"time": COMMENT_MS}},
            {
                "resourceUri": f"/socialActions/urn:li:activity:{OTHERS}/comments/{COMMENT}",
                "resourceId": COMMENT,
            },
        ),
    ],
)
def test_what_is_deleted_live_is_what_was_made(
    resource: str, created: Any, deleted: Any, known_as: Any
) -> None:
    made = linkedin_changes.decode(change(resource, created), NOW_MS).natives
    taken = linkedin_changes.decode(change(resource, {}, method="DELETE", **deleted), NOW_MS).natives
    (act,), (undo,) = (known_as(linkedin.NETWORK, ADA, each) for each in (made, taken))
    assert (undo.kind, undo.ref_id) == (Kind.UNDO, act.id)


def test_of_google_from_whichever_account_the_location_is_managed(known_as: Any) -> None:
    review = {
        "starRating": "FOUR",
        "createTime": "2025-01-01T10:15:30.123456Z",
        "updateTime": "2025-01-02T10:15:30.9Z",
    }
    live = json.dumps(review | {"name": "accounts/1/locations/2/reviews/r"}).encode()
    taken = json.dumps(review | {"name": "accounts/77/locations/2/reviews/r", "reviewReply": {}}).encode()
    place = "locations/2"
    one = known_as(google.NETWORK, place, google.decode(live, "", NOW_MS).natives)
    frame = Frame(taken, 1, len(taken), "reviews.json/reviews")
    other = known_as(google.NETWORK, place, google_takeout.decode(frame, place, NOW_MS).natives)
    assert [content(event) for event in one] == [content(event) for event in other]
    assert one[0].rating == 4000
