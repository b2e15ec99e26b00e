"""Mastodon, blogs and the generic door against anything: a meaning, or one kind of error, and nothing without end."""

import json
import xml.sax.saxutils
from collections.abc import Callable
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presence.demo.wire.mastodon import archived, boost, notification, status
from presence.events.errors import InvalidEvent
from presence.ingest.exports.export import Export
from presence.ingest.frames import FRAME_BYTES_MAX, Frame
from presence.ingest.networks import blog, blog_import, mastodon, mastodon_archive, other, other_door
from presence.ingest.networks.blog_feed import Feed
from presence.ingest.networks.blog_websub import frames
from presence.ingest.sse import EventParser, ServerEvent
from presence.ingest.webhooks.hook import Posted, Refused

NOW_MS = 1_795_000_000_000
ADA = "ada@mastodon.example"
EVENTS = ("update", "notification", "delete", "status.update", "conversation", "?")

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
anything = st.recursive(
    scalars
    | st.sampled_from(["https://a.example/users/x", "2026-05-25T14:23:28Z", "11", "public", "Create"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
first = status("ada", 1)
SEEDS = [
    first,
    boost("ada", 2, first),
    notification(3, "favourite", "bo", first),
    notification(4, "follow", "bo"),
]
ACTS: list[dict[str, Any]] = [
    {
        "id": "https://a.example/1",
        "type": each,
        "actor": "https://a.example/ada",
        "object": {"id": "https://a.example/2", "type": "Note", "attributedTo": "https://a.example/bo"},
        "published": "2026-05-25T14:23:28Z",
    }
    for each in ("Create", "Undo", "Review")
]


@st.composite
def spoilt(draw: st.DrawFn, seeds: list[dict[str, Any]]) -> bytes:
    """Something real with some of its parts, at any depth, replaced or taken away."""
    told = json.loads(json.dumps(draw(st.sampled_from(seeds))))
    for _ in range(draw(st.integers(0, 3))):
        at = told
        while True:
            key = draw(st.sampled_from(sorted(at)))
            if isinstance(at[key], dict) and at[key] and draw(st.booleans()):
                at = at[key]
                continue
            break
        if draw(st.booleans()):
            at[key] = draw(anything)
        else:
            del at[key]
        if not told:
            break
    return json.dumps(told).encode()


def refuses_or_says(decode: Callable[[], Any]) -> None:
    try:
        said = decode()
    except InvalidEvent:
        return
    assert bool(said.natives) != bool(said.skipped)


@given(
    spoilt(SEEDS) | st.binary(max_size=60), st.sampled_from(EVENTS), st.sampled_from([ADA, "@a.example", ""])
)
def test_mastodon_live(data: bytes, event: str, owner: str) -> None:
    frame = Frame(data, 0, len(data), mastodon.kind(event, owner))
    refuses_or_says(lambda: mastodon.decode(frame, NOW_MS))


@given(
    spoilt([archived(each) for each in SEEDS[:2]])
    | st.binary(max_size=60)
    | anything.map(msgspec.json.encode)
)
def test_mastodon_archived(data: bytes) -> None:
    for kind in (mastodon_archive.OUTBOX, mastodon_archive.LIKES):
        refuses_or_says(partial(mastodon_archive.decode, Frame(data, 0, len(data), kind), ADA, NOW_MS))


@given(spoilt(ACTS) | st.binary(max_size=60))
def test_the_generic_door(data: bytes) -> None:
    refuses_or_says(lambda: other.decode(Frame(data, 0, len(data)), NOW_MS))
    envelope = {"specversion": "1.0", "id": "1", "source": "/a", "type": "t"}
    structured = json.dumps(envelope | {"data": data.decode(errors="replace")}).encode()
    for kind, body in (
        (other_door.STRUCTURED, structured),
        (other_door.BATCH, data),
        ("application/json", data),
    ):
        for headers in ({}, {f"ce-{name}": value for name, value in envelope.items()}):
            try:
                other_door.letters(Posted({"content-type": kind, **headers}, {}, {}, body))
            except Refused as refused:
                assert (refused.status, bool(refused.told)) == (400, True)  # noqa: PT017 (both ends are right)


parts = st.recursive(
    st.text(max_size=10).map(xml.sax.saxutils.escape)
    | st.sampled_from(
        ["&nbsp;", "&", "<", "]]>", "<![CDATA[x]]>", "<!-- x -->", "Mon, 01 Jun 2026 10:00:00 GMT"]
    ),
    lambda inner: st.tuples(
        st.sampled_from(["item", "guid", "link", "pubDate", "title", "category", "status", "a:b", "entry"]),
        st.lists(inner, max_size=3),
    ).map(lambda each: f"<{each[0]}>{''.join(each[1])}</{each[0]}>"),
    max_leaves=8,
)


@given(
    st.lists(parts, max_size=4),
    st.sampled_from(["rss", "feed", "RDF", "html"]),
    st.sampled_from(["", "x", "utf-16"]),
)
def test_feeds(inner: list[str], root: str, charset: str) -> None:
    body = f"<?xml version='1.0'?><{root}><channel><item>{''.join(inner)}</item></channel></{root}>".encode(
        errors="surrogatepass"
    )
    for letter in frames("https://a.example/feed", body, charset):
        refuses_or_says(partial(blog.decode, Frame(letter.data, 0, 1, letter.kind), NOW_MS))


@given(st.binary(max_size=200), st.sampled_from(["", "utf-8", "latin-1", "no-such"]))
def test_bytes_that_are_no_feed(data: bytes, charset: str) -> None:
    for letter in frames("https://a.example/feed", data, charset):
        refuses_or_says(partial(blog.decode, Frame(letter.data, 0, 1, letter.kind), NOW_MS))


def test_an_entity_bomb_a_foreign_file_and_an_endless_entry_cost_nothing(tmp_path: Path) -> None:
    lol = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    bomb = (
        f'<!DOCTYPE rss [<!ENTITY l0 "ha"><!ENTITY f SYSTEM "file:///etc/passwd">{lol}]>'
        "<rss><channel><item><guid>&l11;</guid><title>&f;</title><link>https://a.example/1</link></item></channel></rss>"
    )
    with pytest.raises(InvalidEvent):
        list(Feed().entries(bomb.encode()))
    foreign = bomb.replace("&l11;", "")
    (entry,) = Feed().entries(foreign.encode())
    (spelt,) = Feed().entries(foreign.replace("&f;", "&amp;f;").encode())
    assert entry == spelt, "the name of the entity, and not what it stands for"
    endless = b"<rss><channel><item>" + b"<a/>" * 20_000
    path = tmp_path / "feed.xml"
    path.write_bytes(endless)
    with Export(path) as export:
        assert [item.refused for item in blog_import.items(export)] == ["too_long"]
    many = b"<rss><channel>" + b"<item><guid>1</guid></item>" * 5_000 + b"</channel></rss>"
    assert sum(1 for _ in Feed().of_xml(BytesIO(many))) == 5_000


@given(
    st.lists(st.tuples(st.sampled_from(["update", "delete"]), st.text(max_size=20)), max_size=5), st.data()
)
def test_a_stream_says_the_same_however_it_is_cut(told: list[tuple[str, str]], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    wanted, sent = [], f":{end}"
    for name, text in told:
        lines = text.replace("\r", "\n").split("\n")
        wanted.append(ServerEvent(name, "\n".join(lines).encode(errors="replace")))
        body = end.join(f"data: {line}" for line in lines)
        sent += f"event: {name}{end}:thump{end}{body}{end}{end}"
    raw = sent.encode(errors="replace")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=6)))
    parser, found = EventParser(), list[ServerEvent]()
    for start, stop in zip([0, *cuts], [*cuts, len(raw)], strict=True):
        found += parser.feed(raw[start:stop])
    assert found == wanted


def test_a_stream_without_end_takes_bounded_memory() -> None:
    parser = EventParser()
    for _ in range(64):
        assert not list(parser.feed(b"data:" + b"x" * 65_536))
    (event,) = parser.feed(b"\n\n")
    assert FRAME_BYTES_MAX < len(event.data) <= FRAME_BYTES_MAX + 100
    for _ in range(64):
        assert not list(parser.feed(b"data\n" * 20_000))
    (event,) = parser.feed(b"\n\n")
    assert len(event.data) <= FRAME_BYTES_MAX + 1
