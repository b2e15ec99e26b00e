"""What X and Facebook push, as their references show it, and what each of it means."""

import json
from typing import Any

import pytest

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Gauge, Object, TimeQuality, Verb
from presence.ingest.acts import Act, Decoded, Reading, Retraction
from presence.ingest.frames import Frame
from presence.ingest.networks import facebook, x

NOW_MS = 1_796_000_000_000
BY, TO = Direction.BY, Direction.TO
POST, AT_MS = "1990000000000000001", (1_990_000_000_000_000_001 >> 22) + x.SNOWFLAKE_EPOCH_MS


def on_x(event: str, payload: dict[str, Any], *, direction: str | None = None, **includes: Any) -> Decoded:
    chosen = {"user_id": "11"} | ({"direction": direction} if direction else {})
    data = {
        "event_type": event,
        "event_uuid": "-5",
        "filter": chosen,
        "payload": payload,
        "includes": includes,
    }
    body = json.dumps({"data": data}).encode()
    return x.decode(Frame(body, 1, len(body)), NOW_MS)


def short(decoded: Decoded) -> list[tuple[str, str, Direction, Verb, Object]]:
    return [
        (each.about, each.by, each.direction, each.verb, each.object)
        for each in decoded.natives
        if isinstance(each, Act)
    ]


def test_what_somebody_else_does_to_a_post_names_whose_it_is() -> None:
    other = {"id": POST, "author_id": "22", "referenced_tweets": [{"type": "quoted", "id": "5"}]}
    assert short(on_x("post.quote.create", other))[1] == ("11", "22", TO, Verb.QUOTE, Object.NOTE)
    other["referenced_tweets"] = [{"type": "retweeted", "id": "5"}]
    assert short(on_x("post.repost.create", other)) == [
        ("22", "22", BY, Verb.ANNOUNCE, Object.NOTE),
        ("11", "22", TO, Verb.ANNOUNCE, Object.NOTE),
    ]
    mentioning = {
        "id": POST,
        "author_id": "22",
        "entities": {"mentions": [{"start": 4, "id": "11", "username": "x"}]},
    }
    assert short(on_x("post.mention.create", mentioning))[1:] == [("11", "22", TO, Verb.MENTION, Object.NOTE)]
    # The same post, seen by its author's subscription: the same acts, since who is quoted stands beside it.
    other["referenced_tweets"] = [{"type": "quoted", "id": "5"}]
    theirs = on_x("post.create", other, tweets=[{"id": "5", "author_id": "11"}])
    assert theirs == on_x("post.quote.create", other)


def test_a_post_is_as_old_as_its_number_says_and_a_picture_is_an_image() -> None:
    (act,) = on_x(
        "post.create", {"id": POST, "author_id": "11", "attachments": {"media_keys": ["3_1"]}}
    ).natives
    assert isinstance(act, Act)
    assert (act.occurred_ms, act.time_quality, act.object) == (AT_MS, TimeQuality.EXACT, Object.IMAGE)
    with pytest.raises(InvalidEvent, match="time"):
        on_x("post.create", {"id": str(10**19), "author_id": "11"})


@pytest.mark.parametrize(
    ("direction", "author", "liker"),
    [("outbound", "33", "11"), ("inbound", "11", "22"), (None, "33", "11"), (None, "11", "22")],
)
def test_a_like_goes_either_way(direction: str | None, author: str, liker: str) -> None:
    like = {
        "id": "f",
        "liked_tweet_id": "5",
        "liked_tweet_author_id": author,
        "timestamp_ms": "1784927565236",
    }
    users = [{"id": "11"}, {"id": "22"}] if author == "11" else [{"id": author}]
    by, to = on_x("like.create", like, direction=direction, users=users).natives[:2]
    assert isinstance(by, Act)
    assert isinstance(to, Act)
    assert (by.about, to.about, to.by, by.record) == (liker, author, liker, f"like/{liker}/5")
    assert by.occurred_ms == 1_784_927_565_236


def test_a_like_of_nobody_known_says_nothing() -> None:
    like = {"liked_tweet_id": "5", "liked_tweet_author_id": "11"}
    assert on_x("like.create", like, direction="inbound").skipped == "no_actor"


def test_follows_and_what_a_profile_shows_in_passing() -> None:
    follow = {"source": {"data": {"id": "22"}}, "target": {"data": {"id": "11"}}}
    assert short(on_x("follow.follow", follow))[1] == ("11", "22", TO, Verb.FOLLOW, Object.PROFILE)
    assert on_x("follow.unfollow", follow) == Decoded((Retraction("22", "follow/22/11", "by"),))
    me = {"data": {"id": "11", "description": "b", "url": "", "public_metrics": {"followers_count": 5502}}}
    act, *readings = on_x("profile.update.bio", {"before": "a", "after": "b"}, users=[me]).natives
    assert isinstance(act, Act)
    assert (act.verb, act.time_quality) == (Verb.UPDATE, TimeQuality.UNKNOWN)
    assert [(each.gauge, each.value) for each in readings if isinstance(each, Reading)] == [
        (Gauge.PROFILE_COMPLETENESS, 20),
        (Gauge.FOLLOWERS, 5502),
    ]
    for event in (
        "profile.update.verified_badge",
        "dm.sent",
        "dm.read",
        "chat.sent",
        "mute.mute",
        "oauth.revoke",
        "new.kind",
    ):
        assert on_x(event, {}).skipped == "unscored"


def on_facebook(field: str, **value: Any) -> Decoded:
    plain = {"created_time": 1_795_000_000, "from": {"id": "7", "name": "Ada"}, "verb": "add"}
    entry = {"id": "100", "time": 1_795_000_001, "changes": [{"field": field, "value": plain | value}]}
    (letter,) = facebook.letters(json.dumps({"object": "page", "entry": [entry]}).encode())
    return facebook.decode(Frame(letter.data, 1, len(letter.data), letter.kind), NOW_MS)


PAGE = {"from": {"id": "100", "name": "Page"}}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"item": "status", "post_id": "100_1", **PAGE}, [("100", "100", BY, Verb.CREATE, Object.NOTE)]),
        ({"item": "photo", "post_id": "100_1", **PAGE}, [("100", "100", BY, Verb.CREATE, Object.IMAGE)]),
        (
            {"item": "post", "post_id": "100_1"},
            [("7", "7", BY, Verb.CREATE, Object.NOTE), ("100", "7", TO, Verb.MENTION, Object.NOTE)],
        ),
        (
            {"item": "share", "post_id": "100_1"},
            [("7", "7", BY, Verb.ANNOUNCE, Object.NOTE), ("100", "7", TO, Verb.ANNOUNCE, Object.NOTE)],
        ),
        (
            {"item": "comment", "post_id": "100_1", "comment_id": "1_2", "parent_id": "100_1"},
            [("7", "7", BY, Verb.CREATE, Object.NOTE), ("100", "7", TO, Verb.CREATE, Object.NOTE)],
        ),
        (
            {"item": "reaction", "reaction_type": "love", "post_id": "100_1"},
            [("7", "7", BY, Verb.LIKE, Object.NOTE), ("100", "7", TO, Verb.LIKE, Object.NOTE)],
        ),
        (
            {"item": "reaction", "reaction_type": "like", "post_id": "100_1", "comment_id": "1_2"},
            [("7", "7", BY, Verb.LIKE, Object.NOTE)],
        ),
        (
            {"item": "like"},
            [("7", "7", BY, Verb.FOLLOW, Object.PAGE), ("100", "7", TO, Verb.FOLLOW, Object.PAGE)],
        ),
    ],
)
def test_what_happens_to_a_page(value: dict[str, Any], said: list[Any]) -> None:
    assert short(on_facebook("feed", **value)) == said


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"item": "reaction", "reaction_type": "anger", "post_id": "100_1"}, "other_reaction"),
        ({"item": "status", "post_id": "100_1", "published": 0}, "unpublished"),
        ({"item": "status", "post_id": "100_1", "verb": "edited"}, "edited"),
        ({"item": "status", "post_id": "100_1", "verb": "hide"}, "unscored"),
        ({"item": "like", "from": None}, "no_actor"),
        ({"item": "something new"}, "unscored"),
    ],
)
def test_what_says_nothing_has_a_reason(value: dict[str, Any], reason: str) -> None:
    assert on_facebook("feed", **value).skipped == reason


def test_whether_a_comment_answers_somebody_else() -> None:
    def answers(**value: Any) -> list[str]:
        decoded = on_facebook("feed", item="comment", post_id="100_1", comment_id="1_2", **value)
        return [each.answers for each in decoded.natives if isinstance(each, Act)]

    assert answers(parent_id="100_1") == ["100", "100"]
    assert answers(parent_id="100_1", **PAGE) == ["100"], "the page under its own post"
    assert answers(parent_id="1_1", **PAGE) == ["1_1"], "the page to somebody's comment"


@pytest.mark.parametrize(
    ("value", "record"),
    [
        ({"item": "post", "post_id": "100_1"}, "post/100_1"),
        ({"item": "comment", "post_id": "100_1", "comment_id": "1_2"}, "comment/1_2"),
        ({"item": "reaction", "post_id": "100_1"}, "reaction/100_1/7"),
        ({"item": "reaction", "post_id": "100_1", "comment_id": "1_2"}, "reaction/1_2/7"),
        ({"item": "like"}, "follow/100/7"),
    ],
)
def test_what_is_removed_is_taken_back(value: dict[str, Any], record: str) -> None:
    assert on_facebook("feed", **value, verb="remove") == Decoded((Retraction("7", record, "by"),))
    made = on_facebook("feed", **value).natives
    assert {each.record for each in made} == {record}


def test_recommendations_are_reviews_and_an_edit_replaces_the_old() -> None:
    (first,) = on_facebook("ratings", item="rating", recommendation_type="POSITIVE", reviewer_id="7").natives
    (second,) = on_facebook(
        "ratings", item="rating", recommendation_type="NEGATIVE", verb="edit", created_time=1_795_000_500
    ).natives
    assert isinstance(first, Act)
    assert isinstance(second, Act)
    assert (first.verb, first.rating, second.rating) == (Verb.REVIEW, 5_000, 1_000)
    assert first.record == second.record
    assert first.version != second.version
    removed = on_facebook("ratings", item="rating", verb="remove")
    assert removed == Decoded((Retraction("7", first.record, ""),))
    with pytest.raises(InvalidEvent, match="rating"):
        on_facebook("ratings", item="rating")


def test_other_objects_and_fields_are_skipped() -> None:
    (letter,) = facebook.letters(b'{"object": "instagram", "entry": []}')
    assert facebook.decode(Frame(letter.data, 1, 1, letter.kind), NOW_MS).skipped == "unscored"
    assert on_facebook("leadgen").skipped == "unscored"
    assert [len(facebook.letters(body)) for body in (b"", b"{}", b'{"object": "page", "entry": []}')] == [
        1,
        1,
        0,
    ]
