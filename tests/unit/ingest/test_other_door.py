"""The generic door: the three modes of CloudEvents, plain activities, and what is said of what is wrong."""

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import pytest

from presence.events.vocabulary import Direction, Object, Verb
from presence.ingest.acts import Act, Decoded, Retraction
from presence.ingest.frames import Frame
from presence.ingest.networks import other, other_door
from presence.ingest.webhooks.hook import Posted, Refused

ADA, BO, CY = (f"https://forum.example/users/{name}" for name in ("ada", "bo", "cy"))
NOW_MS = 1_795_000_000_000
ACTIVITY = "application/activity+json"


def activity(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "@context": "https://www.w3.org/ns/activitystreams",
        "id": f"https://forum.example/acts/{number}",
        "type": "Like",
        "actor": ADA,
        "object": {"id": "https://forum.example/posts/9", "type": "Article", "attributedTo": BO},
        "published": "2026-06-01T10:00:00Z",
    } | more


def event(number: int = 1, **more: Any) -> dict[str, Any]:
    told = {"specversion": "1.0", "id": str(number), "source": "/forum", "type": "example.act"}
    return told | {"time": "2026-06-02T10:00:00Z", "data": activity(number)} | more


def posted(body: Any, kind: str = ACTIVITY, **headers: str) -> Posted:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Posted({"content-type": kind, **named}, {}, {}, data)


def decoded(data: bytes) -> Decoded:
    return other.decode(Frame(data, 0, len(data)), NOW_MS)


def acts(data: bytes) -> list[tuple[str, Direction, Verb, Object]]:
    return [
        (each.about, each.direction, each.verb, each.object)
        for each in decoded(data).natives
        if isinstance(each, Act)
    ]


LIKED = [(ADA, Direction.BY, Verb.LIKE, Object.ARTICLE), (BO, Direction.TO, Verb.LIKE, Object.ARTICLE)]


@pytest.mark.parametrize(
    "request_",
    [
        posted(activity()),
        posted([activity()], "application/json; charset=utf-8"),
        posted({"type": "OrderedCollection", "orderedItems": [activity()]}, "application/ld+json"),
        posted(event(), "application/cloudevents+json; charset=utf-8"),
        posted([event()], "application/cloudevents-batch+json"),
        posted(
            event()
            | {"data": None, "data_base64": base64.b64encode(json.dumps(activity()).encode()).decode()},
            "application/cloudevents+json",
        ),
        posted(
            activity(), "application/json", ce_specversion="1.0", ce_id="1", ce_source="/forum", ce_type="x"
        ),
    ],
)
def test_each_mode_says_the_same(request_: Posted) -> None:
    (letter,) = other_door.letters(request_)
    assert acts(letter.data) == LIKED


def test_an_activity_without_id_and_time_has_those_of_its_event() -> None:
    bare = {name: value for name, value in activity().items() if name not in {"id", "published"}}
    (one,) = other_door.letters(posted(event(data=bare), other_door.STRUCTURED))
    (other_,) = other_door.letters(
        posted(
            bare,
            "application/json",
            ce_specversion="1.0",
            ce_id="1",
            ce_source="%2Fforum",
            ce_type="x",
            ce_time="2026-06-02T10:00:00Z",
        )
    )
    assert decoded(one.data) == decoded(other_.data)
    first = decoded(one.data).natives[0]
    assert isinstance(first, Act)
    assert (first.record, first.occurred_ms) == ("urn:cloudevent:%2Fforum:1", 1_780_394_400_000)


def test_what_an_activity_means() -> None:
    answer: dict[str, Any] = {"id": "https://forum.example/posts/10", "type": "Note"}
    answer |= {
        "inReplyTo": {"attributedTo": BO},
        "tag": [{"type": "Mention", "href": CY}, {"type": "Hashtag"}],
    }
    told = json.dumps(activity(type="Create", object=answer)).encode()
    assert acts(told) == [
        (ADA, Direction.BY, Verb.CREATE, Object.NOTE),
        (BO, Direction.TO, Verb.CREATE, Object.NOTE),
        (CY, Direction.TO, Verb.MENTION, Object.NOTE),
    ]
    followed = json.dumps(activity(type="Follow", object=BO)).encode()
    assert [each[:3] for each in acts(followed)] == [
        (ADA, Direction.BY, Verb.FOLLOW),
        (BO, Direction.TO, Verb.FOLLOW),
    ]
    review = json.dumps(
        activity(type="Review", object={"id": BO, "type": "Organization"}, rating=3.5)
    ).encode()
    assert [each.rating for each in decoded(review).natives if isinstance(each, Act)] == [0, 3500]
    undone = json.dumps(activity(type="Undo", object="https://forum.example/acts/1")).encode()
    assert decoded(undone).natives == (Retraction(ADA, "https://forum.example/acts/1", "by"),)
    deleted = json.dumps(activity(type="Delete", object={"id": answer["id"], "type": "Tombstone"})).encode()
    assert decoded(deleted).natives == (Retraction("", str(answer["id"]), ""),)
    assert decoded(json.dumps(activity(type="Update")).encode()).skipped == "edited"


def refused(act: Callable[[], object]) -> tuple[int, Any]:
    with pytest.raises(Refused) as error:
        act()
    return error.value.status, msgspec.json.decode(error.value.told or b"null")


def test_what_is_wrong_is_said_of_each_item_and_nothing_is_taken() -> None:
    batch = [
        activity(1),
        activity(2, type="Slap"),
        activity(3, published="soon"),
        activity(4, actor=7),
        activity(5, type="Review"),
        activity(6, published="2099-01-01T00:00:00Z"),
        "text",
    ]
    status, told = refused(lambda: other_door.letters(posted(batch)))
    assert status == 400
    assert told == {
        "taken": 0,
        "errors": [
            {"item": 1, "reason": "unknown_type"},
            {"item": 2, "reason": "time"},
            {"item": 3, "reason": "shape"},
            {"item": 4, "reason": "rating"},
            {"item": 5, "reason": "time"},
            {"item": 6, "reason": "shape"},
        ],
    }
    events = [event(1), event(2, specversion="0.3"), event(3, id=""), event(4, data_base64="?")]
    status, told = refused(lambda: other_door.letters(posted(events, other_door.BATCH)))
    assert [each["reason"] for each in told["errors"]] == ["cloudevent", "cloudevent", "base64"]
    assert refused(lambda: other_door.letters(posted(b"{", ACTIVITY)))[0] == 400
    assert refused(lambda: other_door.letters(posted([activity()] * 1_001)))[0] == 400
    assert refused(lambda: other_door.letters(posted(activity(), "text/html"))) == (415, None)


def test_only_who_has_the_token_may_send() -> None:
    hook = other_door.hook({other_door.TOKEN: "new\nold\n"})
    for good in ("Bearer new", "bearer old"):
        hook.verify(posted(b"", authorization=good), NOW_MS)
    for wrong in ("", "Bearer", "Bearer ", "Bearer newer", "Basic new", "Bearer n\xe9w"):
        request = posted(b"", authorization=wrong)
        assert refused(partial(hook.verify, request, NOW_MS))[0] == 401
