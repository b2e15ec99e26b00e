"""What LinkedIn pushes of a page, and what its dates and links look like."""

import json
from typing import Any

import pytest

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import TimeQuality, Verb
from presence.ingest.acts import Act, Retraction
from presence.ingest.networks import linkedin
from presence.ingest.networks.linkedin_dates import millis
from presence.ingest.networks.linkedin_page import NOTIFICATIONS_MAX, SOCIAL_ACTIONS, decode

NOW_MS = 1_790_000_000_000
PAGE = "urn:li:organization:12345"


def delivery(*actions: str, **more: Any) -> bytes:
    told = [
        {
            "notificationId": number,
            "organizationalEntity": PAGE,
            "action": action,
            "sourcePost": "urn:li:share:1",
            "generatedActivity": f"urn:li:comment:(urn:li:activity:1,{number})",
            "lastModifiedAt": 1_780_000_000_000 + number,
            "subscriber": "urn:li:person:admin",
        }
        | more
        for number, action in enumerate(actions)
    ]
    return json.dumps({"type": SOCIAL_ACTIONS, "notifications": told}).encode()


def test_each_action_of_a_delivery_is_an_act_to_the_page() -> None:
    natives = decode(
        delivery("LIKE", "COMMENT", "SHARE", "SHARE_MENTION", "COMMENT_EDIT", "ADMIN_COMMENT"), NOW_MS
    ).natives
    assert [(each.about, each.verb) for each in natives if isinstance(each, Act)] == [
        (PAGE, Verb.LIKE),
        (PAGE, Verb.CREATE),
        (PAGE, Verb.ANNOUNCE),
        (PAGE, Verb.MENTION),
    ]
    assert len({each.record for each in natives if not isinstance(each, Retraction)}) == 4


def test_a_deleted_comment_takes_back_what_its_making_made() -> None:
    (made,) = decode(delivery("COMMENT"), NOW_MS).natives
    (taken,) = decode(delivery("COMMENT_DELETE"), NOW_MS).natives
    assert isinstance(made, Act)
    assert isinstance(taken, Retraction)
    assert taken.record == made.record


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "json"),
        (b'{"type": 5}', "shape"),
        (delivery("LIKE", lastModifiedAt=5), "time"),
        (delivery(*["LIKE"] * (NOTIFICATIONS_MAX + 1)), "notifications"),
    ],
)
def test_what_is_not_usable_has_a_reason(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        decode(data, NOW_MS)
    assert caught.value.reason == reason


def test_other_deliveries_are_skipped() -> None:
    assert decode(b'{"type": "LEAD_ACTION"}', NOW_MS).skipped == "unscored"
    assert decode(delivery(), NOW_MS).skipped == "unscored"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("08 Feb 2026", True),
        ("2026-02-08", True),
        ("2/8/26", True),
        ("02/08/2026", True),
        ("Feb 8, 2026", True),
        ("2026-02-08 00:00:00", False),
        ("2026-02-08 00:00:00 UTC", False),
        ("2026-02-08 00:00 UTC", False),
        ("2026/02/08 00:00:00 UTC", False),
        ("2/8/26, 12:00 AM", False),
        ("2/8/26, 12:00\u202fAM", False),
        ("02/08/26 12:00 AM", False),
        ("Sun Feb 08 00:00:00 UTC 2026", False),
        ("2026-02-08T00:00:00Z", False),
        ("2026-02-08T01:00:00+01:00", False),
    ],
)
def test_every_form_of_a_date_is_the_same_day(text: str, day: bool) -> None:
    assert millis(text) == (1_770_508_800_000, TimeQuality.DAY if day else TimeQuality.EXACT)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "99/99/99", "2026-02-08T", "x" * 1000])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match="time"):
        millis(text)


@pytest.mark.parametrize(
    ("link", "post", "comment"),
    [
        (
            "https://www.linkedin.com/feed/update/urn%3Ali%3Ashare%3A7448081445065035776",
            "7448081445065035776",
            "",
        ),
        (
            "https://www.linkedin.com/feed/update/urn:li:activity:7034272412724555776/",
            "7034272412724555776",
            "",
        ),
        (
            "https://www.linkedin.com/posts/ada-l_a-post-activity-7100000000000000009-Ab?x=1",
            "7100000000000000009",
            "",
        ),
        (
            (
                "https://www.linkedin.com/feed/update/urn:li:activity:7034272412724555776?commentUrn=urn%3Ali%3Acomment%3A%28"
                "activity%3A7034272412724555776%2C7034276934494683136%29&replyUrn=urn%3Ali%3Acomment%3A%28activity%3A"
                "7034272412724555776%2C7034539835654569984%29"
            ),
            "7034272412724555776",
            "7034539835654569984",
        ),
        ("https://www.linkedin.com/in/ada", "", ""),
    ],
)
def test_what_a_link_names(link: str, post: str, comment: str) -> None:
    assert (linkedin.post_id(link), linkedin.comment_id(link)) == (post, comment)


def test_a_number_tells_its_millisecond() -> None:
    # A comment in LinkedIn's own documentation, with the time that stands beside it.
    assert abs(linkedin.id_millis("6318971194909560832") - 1_506_560_133_675) <= 1
    assert linkedin.id_millis("12") == linkedin.id_millis("") == linkedin.id_millis("x") == 0


@pytest.mark.parametrize(
    "url",
    [
        "https://www.linkedin.com/in/Ada-L/",
        "www.linkedin.com/in/ada-l?trk=x",
        "https://linkedin.com/in/ada%2Dl",
    ],
)
def test_a_profile_is_the_same_however_it_is_linked(url: str) -> None:
    assert linkedin.profile(url) == "in/ada-l"
