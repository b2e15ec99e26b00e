"""What Bluesky's frames mean."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from presence.events.errors import InvalidEvent
from presence.events.vocabulary import Direction, Gauge, Object, Verb
from presence.ingest.acts import Act, Decoded, Reading, Retraction
from presence.ingest.networks.bluesky import LEXICONS, TABLE, UNSCORED, decode

REAL = (Path(__file__).parents[2] / "data" / "jetstream_v1.jsonl").read_bytes().splitlines()
ME, YOU, THEM = "did:plc:me", "did:plc:you", "did:web:them.example"
NOW_MS = 1_780_000_000_000
AT, AT_MS = "2026-05-25T14:23:28.778Z", 1_779_719_008_778
BY, TO = Direction.BY, Direction.TO


def frame(collection: str, record: dict[str, Any] | None, operation: str = "create", **commit: Any) -> bytes:
    whole: dict[str, Any] = {"rev": "3mmoojp7vgo2g", "operation": operation, "rkey": "3k", "cid": "bafyreia"}
    if record is not None:
        whole["record"] = {"$type": collection, "createdAt": AT, **record}
    whole |= {"collection": collection, **commit}
    return msgspec.json.encode({"did": ME, "time_us": AT_MS * 1000, "kind": "commit", "commit": whole})


def post(**record: Any) -> bytes:
    return frame("app.bsky.feed.post", {"text": "Hello.", **record})


def uri(who: str, collection: str = "app.bsky.feed.post") -> dict[str, str]:
    return {"uri": f"at://{who}/{collection}/3j", "cid": "bafyreib"}


def reply(who: str) -> dict[str, Any]:
    return {"parent": uri(who), "root": uri(who)}


def mention(*whom: str) -> dict[str, Any]:
    features = [{"$type": "app.bsky.richtext.facet#mention", "did": who} for who in whom]
    return {"index": {"byteStart": 0, "byteEnd": 5}, "features": features}


def acts(data: bytes) -> list[tuple[str, str, Direction, Verb, Object]]:
    found = decode(data, NOW_MS).natives
    return [
        (each.about, each.what, each.direction, each.verb, each.object)
        for each in found
        if isinstance(each, Act)
    ]


def refusal(data: bytes) -> str:
    with pytest.raises(InvalidEvent) as caught:
        decode(data, NOW_MS)
    return caught.value.reason


def test_the_ten_real_frames() -> None:
    said: list[object] = []
    for line in REAL:
        try:
            found = decode(line, NOW_MS)
        except InvalidEvent as error:
            said.append(error.reason)
        else:
            said.append(found.skipped or [native.what for native in found.natives if hasattr(native, "what")])
    assert said == [
        ["by", "to"],
        ["by", "reply"],
        ["by", "to"],
        ["by", "to"],
        ["by", "completeness"],
        "unknown_collection",
        "unknown_collection",
        "identity",
        "account",
        "unscored",
    ]


def test_a_real_like_field_by_field() -> None:
    liker, liked = "did:plc:mcc5yghbk7tixqryac2yxku7", "did:plc:vfnmgxg2yscfliemmcxzyfyh"
    record = f"{liker}/app.bsky.feed.like/3mmoojp7etg2g"
    assert decode(REAL[0], NOW_MS).natives[1] == Act(
        about=liked,
        by=liker,
        record=record,
        what="to",
        direction=TO,
        verb=Verb.LIKE,
        object=Object.NOTE,
        occurred_ms=AT_MS,
        ref=f"at://{record}",
    )


def test_a_real_profile_is_an_act_and_a_reading_at_the_time_of_its_revision() -> None:
    act, reading = decode(REAL[4], NOW_MS).natives
    assert isinstance(act, Act)
    assert isinstance(reading, Reading)
    assert (act.verb, act.object, act.occurred_ms) == (Verb.UPDATE, Object.PROFILE, 1_779_719_010_524)
    assert act.record.endswith(
        "/app.bsky.actor.profile/self/bafyreib257dpti3w5iitklrsx66dg3cmg3urfbogfksigjd5ie4r6v5cj4"
    )
    assert (reading.gauge, reading.value) == (Gauge.PROFILE_COMPLETENESS, 100)


@pytest.mark.parametrize(
    ("collection", "subject", "verb", "kind"),
    [
        ("app.bsky.feed.like", uri(YOU), Verb.LIKE, Object.NOTE),
        ("app.bsky.feed.like", uri(YOU, "app.bsky.feed.generator"), Verb.LIKE, Object.UNSPECIFIED),
        ("app.bsky.feed.repost", uri(YOU), Verb.ANNOUNCE, Object.NOTE),
        ("app.bsky.graph.follow", YOU, Verb.FOLLOW, Object.PROFILE),
    ],
)
def test_a_reaction_is_one_act_for_each_side(collection: str, subject: Any, verb: Verb, kind: Object) -> None:
    found = acts(frame(collection, {"subject": subject}))
    assert found == [(ME, "by", BY, verb, kind), (YOU, "to", TO, verb, kind)]


@pytest.mark.parametrize("collection", ["app.bsky.feed.like", "app.bsky.feed.repost"])
def test_a_reaction_to_oneself_is_not_received(collection: str) -> None:
    assert [about for about, *_ in acts(frame(collection, {"subject": uri(ME)}))] == [ME]


def test_a_reaction_to_somebody_named_by_a_handle_is_only_the_authors() -> None:
    assert [what for _, what, *_ in acts(frame("app.bsky.feed.like", {"subject": uri("you.example")}))] == [
        "by"
    ]


@pytest.mark.parametrize(
    ("embed", "kind"),
    [
        (None, Object.NOTE),
        ({"$type": "app.bsky.embed.images", "images": []}, Object.IMAGE),
        ({"$type": "app.bsky.embed.video", "video": {}}, Object.VIDEO),
        ({"$type": "app.bsky.embed.external", "external": {}}, Object.NOTE),
        ({"$type": "app.bsky.embed.of_tomorrow", "anything": 1}, Object.NOTE),
    ],
)
def test_what_a_post_is_by_its_embed(embed: Any, kind: Object) -> None:
    assert acts(post(embed=embed)) == [(ME, "by", BY, Verb.CREATE, kind)]


def test_a_post_that_answers_mentions_and_quotes() -> None:
    quote = {
        "$type": "app.bsky.embed.recordWithMedia",
        "record": {"$type": "app.bsky.embed.record", "record": uri(THEM)},
        "media": {"$type": "app.bsky.embed.images", "images": []},
    }
    found = acts(post(reply=reply(YOU), facets=[mention(YOU, THEM), mention(YOU, ME)], embed=quote))
    assert found == [
        (ME, "by", BY, Verb.CREATE, Object.IMAGE),
        (YOU, "reply", TO, Verb.CREATE, Object.IMAGE),
        (YOU, "mention", TO, Verb.MENTION, Object.NOTE),
        (THEM, "mention", TO, Verb.MENTION, Object.NOTE),
        (THEM, "quote", TO, Verb.QUOTE, Object.NOTE),
    ]


def test_a_quote_without_media() -> None:
    embed = {"$type": "app.bsky.embed.record", "record": uri(YOU)}
    assert [(about, what) for about, what, *_ in acts(post(embed=embed))] == [(ME, "by"), (YOU, "quote")]


def test_whom_a_post_answers_is_said_of_both_sides() -> None:
    answers = [
        each.answers for each in decode(post(reply=reply(YOU)), NOW_MS).natives if isinstance(each, Act)
    ]
    assert answers == [YOU, YOU]
    assert [what for _, what, *_ in acts(post(reply=reply(ME)))] == ["by"]


def test_a_delete_takes_back_the_record() -> None:
    found = decode(frame("app.bsky.feed.like", None, "delete"), NOW_MS)
    assert found == Decoded((Retraction(ME, f"{ME}/app.bsky.feed.like/3k", "by"),))


@pytest.mark.parametrize(
    ("filled", "percent"), [({}, 0), ({"displayName": "A", "avatar": {}}, 50), ({"description": ""}, 0)]
)
def test_how_complete_a_profile_is(filled: dict[str, Any], percent: int) -> None:
    _, reading = decode(frame("app.bsky.actor.profile", filled, rkey="self"), NOW_MS).natives
    assert isinstance(reading, Reading)
    assert reading.value == percent


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        *((frame(collection, {}), "unscored") for collection in sorted(UNSCORED)),
        (frame("app.bsky.feed.post", {"text": ""}, "update"), "edited"),
        (frame("app.bsky.actor.profile", None, "delete"), "profile_deleted"),
    ],
)
def test_what_is_known_and_not_scored_is_skipped(data: bytes, reason: str) -> None:
    assert decode(data, NOW_MS) == Decoded(skipped=reason)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "json"),
        (b"\xff\xfe", "json"),
        (REAL[0][:-40], "json"),
        (b"null", "shape"),
        (b'{"did":"did:plc:me"}', "shape"),
        (b'{"did":"me","time_us":1,"kind":"identity"}', "shape"),
        (b'{"did":"did:plc:me","time_us":"1","kind":"identity"}', "shape"),
        (b'{"did":"did:plc:me","time_us":0,"kind":"identity"}', "shape"),
        (b'{"did":"did:plc:me","time_us":1,"kind":"commit"}', "shape"),
        (b'{"did":"did:plc:me","time_us":1,"kind":"sync"}', "unknown_kind"),
        (b'{"did":"did:plc:me","time_us":1,"kind":"identity","identity":' + b"[" * 500_000, "nesting"),
        (frame("com.example.thing", {}), "unknown_collection"),
        (frame("app.bsky.feed.of_tomorrow", {}), "shape"),
        (frame("app.bsky.feed.tomorrow", {}), "unknown_collection"),
        (frame("app.bsky.feed.like", {"subject": uri(YOU)}, "rename"), "shape"),
        (frame("app.bsky.feed.like", {"subject": YOU}), "shape"),
        (frame("app.bsky.feed.like", {"subject": {"uri": "https://example.com/a/b"}}), "shape"),
        (frame("app.bsky.feed.like", {}), "shape"),
        (frame("app.bsky.feed.like", None), "json"),
        (frame("app.bsky.graph.follow", {"subject": uri(YOU)}), "shape"),
        (frame("app.bsky.feed.like", {"subject": uri(YOU)}, rkey="a/b"), "shape"),
        (frame("app.bsky.feed.like", {"subject": uri(YOU)}, rkey="3k\n"), "shape"),
        (post(reply={"root": uri(YOU)}), "shape"),
        (post(facets={"features": []}), "shape"),
        (post(embed={"$type": "app.bsky.embed.record", "record": {}}), "shape"),
        (post(facets=[mention(*(f"did:plc:n{number}" for number in range(301)))]), "mentions"),
        (post(createdAt=1_779_719_008), "shape"),
        (post(createdAt="yesterday"), "shape"),
        (post(createdAt="2026-05-25 14:23:28Z"), "shape"),
        (post(createdAt="2026-05-25T14:23:28"), "shape"),
        (post(createdAt="2026-13-25T14:23:28Z"), "time"),
        (post(createdAt="2003-12-31T23:59:59Z"), "time"),
        (post(createdAt="2126-05-25T14:23:28Z"), "time"),
        (frame("app.bsky.actor.profile", {"displayName": 5}), "shape"),
        (frame("app.bsky.actor.profile", {}, cid=None), "shape"),
        (frame("app.bsky.actor.profile", {}, rev="3mmoo"), "shape"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_with_a_reason(data: bytes, reason: str) -> None:
    assert refusal(data) == reason


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("2026-05-25T14:23:28Z", AT_MS - 778),
        ("2026-05-25T14:23:28.7789999999Z", AT_MS),
        ("2026-05-25T16:23:28.778+02:00", AT_MS),
        ("2026-05-25T07:53:28.778-06:30", AT_MS),
    ],
)
def test_times_of_any_offset_and_precision(text: str, at_ms: int) -> None:
    (act,) = decode(post(createdAt=text), NOW_MS).natives
    assert isinstance(act, Act)
    assert act.occurred_ms == at_ms


def test_every_row_of_the_table_says_where_the_network_defines_it() -> None:
    for (collection, what), row in TABLE.items():
        assert row.reference.startswith(LEXICONS), (collection, what)
        assert (row.direction is BY) == (what == "by")
