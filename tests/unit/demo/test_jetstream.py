"""The source and the demonstration's server over a real websocket: what a client of Jetstream may rely on."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack

import msgspec
import pytest

from presence.demo.jetstream import Jetstream
from presence.events.errors import SourceUnavailable
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES, Frame
from presence.ingest.networks import jetstream
from presence.ingest.networks.jetstream import MESSAGE_BYTES_MAX, OVERLAP_US, Accounts, JetstreamSource

Play = Callable[..., Jetstream]
Listen = Callable[..., JetstreamSource]
LIKE, POST = "app.bsky.feed.like", "app.bsky.feed.post"
START_US = 1_779_719_009_000_000
PATIENCE_S = 20


def frame(number: int, collection: str = LIKE, did: str = "did:plc:a", *, padding: int = 0) -> bytes:
    commit = {"collection": collection, "padding": " " * padding}
    return msgspec.json.encode(
        {"did": did, "time_us": START_US + number * 1_000_000, "kind": "commit", "commit": commit}
    )


@pytest.fixture
def play() -> Iterator[Play]:
    with ExitStack() as stack:

        def started(
            frames: Iterable[bytes], rate_per_s: float | None = None, drop_at: tuple[int, ...] = ()
        ) -> Jetstream:
            server = Jetstream(frames, rate_per_s=rate_per_s)
            server.drop_at(*drop_at)
            server.start()
            stack.callback(server.stop)
            return server

        yield started


@pytest.fixture
def listen() -> Iterator[Listen]:
    with ExitStack() as stack:

        def started(
            url: str, *collections: str, accounts: Accounts | None = None, position: int | None = None
        ) -> JetstreamSource:
            source = JetstreamSource(url, collections, accounts)
            stack.callback(source.close)
            source.start(position)
            return source

        yield started


def read(source: JetstreamSource, count: int) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(frames) < count and time.monotonic() < deadline:
        frames.extend(source.read())
    return frames


def test_frames_come_in_order_with_their_positions(play: Play, listen: Listen) -> None:
    content = [frame(number) for number in range(300)]
    server = play(content)
    found = read(listen(server.url), 300)
    assert [each.data for each in found] == content
    assert [each.position for each in found] == [START_US + number * 1_000_000 for number in range(300)]
    assert server.done.wait(PATIENCE_S)
    assert server.sent == 300


def test_only_wanted_collections_come_and_frames_without_one(play: Play, listen: Listen) -> None:
    account = msgspec.json.encode({"did": "did:plc:a", "time_us": START_US, "kind": "account"})
    server = play([frame(0, POST), frame(1), account, b"not json"])
    assert [each.data for each in read(listen(server.url, POST), 3)] == [frame(0, POST), account, b"not json"]


def test_a_prefix_of_collections(play: Play, listen: Listen) -> None:
    server = play([frame(0, POST), frame(1, "app.bsky.graph.follow"), frame(2)])
    found = read(listen(server.url, "app.bsky.feed.*"), 2)
    assert [each.data for each in found] == [frame(0, POST), frame(2)]


def test_a_saved_position_begins_five_seconds_earlier(play: Play, listen: Listen) -> None:
    content = [frame(number) for number in range(20)]
    server = play(content)
    first = listen(server.url)
    position = read(first, 20)[-1].position
    first.close()
    assert position == START_US + 19_000_000
    again = read(listen(server.url, position=position), 1 + OVERLAP_US // 1_000_000)
    assert [each.data for each in again] == content[14:]


@pytest.mark.parametrize("drops", [(200,), (200, 201)])
def test_a_cut_connection_goes_on_where_it_was(play: Play, listen: Listen, drops: tuple[int, ...]) -> None:
    content = [frame(number) for number in range(400)]
    server = play(content, rate_per_s=1_000, drop_at=drops)
    source = listen(server.url)
    seen: set[bytes] = set()
    deadline = time.monotonic() + PATIENCE_S
    while len(seen) < len(content) and time.monotonic() < deadline:
        seen |= {each.data for each in source.read()}
    assert seen == set(content)
    assert server.connections == 1 + len(drops), "who is not back yet cannot be cut off"


def test_accounts_are_told_and_told_anew(play: Play, listen: Listen) -> None:
    natives = ["did:plc:a"]
    content = [frame(number, did=f"did:plc:{'ab'[number % 2]}") for number in range(1_000)]
    server = play(content, rate_per_s=1_000)
    source = listen(server.url, LIKE, accounts=Accounts(lambda: natives, lambda: len(natives)))
    assert {b"did:plc:a" in each.data for each in read(source, 20)} == {True}
    natives.append("did:plc:b")
    assert any(b"did:plc:b" in each.data for each in read(source, 200))


def test_with_nobody_enrolled_the_server_waits(play: Play, listen: Listen) -> None:
    server = play([frame(0)])
    source = listen(server.url, accounts=Accounts(list, lambda: 0))
    assert [list(source.read()) for _ in range(3)] == [[], [], []]
    assert server.connections == 0


def test_more_accounts_than_the_server_takes_is_said(play: Play, listen: Listen) -> None:
    server = play([frame(0)])
    many = [f"did:plc:{number}" for number in range(10_001)]
    source = listen(server.url, accounts=Accounts(lambda: many, lambda: 1))
    with pytest.raises(SourceUnavailable, match="10001 accounts are enrolled"):
        read(source, 1)


def test_a_frame_that_is_too_long_is_cut_and_the_connection_lives(play: Play, listen: Listen) -> None:
    long, monstrous = frame(0, padding=FRAME_BYTES_MAX), frame(1, padding=MESSAGE_BYTES_MAX)
    server = play([long, monstrous, frame(2)])
    first, second = read(listen(server.url), 2)
    assert (first.data, first.size_bytes) == (long[:HEAD_BYTES], len(long))
    assert second.data == frame(2)
    assert server.connections == 1


def test_a_position_that_cannot_be_does_not_move_ours(play: Play, listen: Listen) -> None:
    tomorrow = b'{"did":"did:plc:a","time_us":9999999999999999,"kind":"identity"}'
    found = read(listen(play([frame(0), tomorrow, b"{", frame(1)]).url), 4)
    assert [each.position for each in found] == [START_US, START_US, START_US, START_US + 1_000_000]


def test_an_address_without_a_stream_is_given_up_at_once(play: Play, listen: Listen) -> None:
    server = play([])
    with pytest.raises(SourceUnavailable, match="refused us with HTTP status 404"):
        read(listen(server.url.replace("subscribe", "elsewhere")), 1)


def test_a_server_that_is_not_there_is_given_up_after_some_tries(
    monkeypatch: pytest.MonkeyPatch, listen: Listen
) -> None:
    monkeypatch.setattr(jetstream, "FIRST_TRIES_MAX", 2)
    with pytest.raises(SourceUnavailable, match="out of reach: ConnectionRefusedError, 2 times"):
        read(listen("ws://127.0.0.1:9/subscribe"), 1)
