"""A stream of lines against a server that speaks X's: cut anywhere, silent, refused, faster than it is read."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from presence.demo.wire.api import Answer
from presence.demo.wire.x import ActivityStream
from presence.events.errors import CallerError, SourceUnavailable
from presence.ingest import lines_stream
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES, Frame
from presence.ingest.lines_stream import LinesStream
from presence.ingest.networks import x_stream
from presence.ingest.rest import wait_s
from presence.log.clock import now_ms

PATIENCE_S = 60


@contextmanager
def listening(
    server: ActivityStream, position: int | None = None, backfill: str = "no"
) -> Iterator[LinesStream]:
    with server:
        source = x_stream.stream({x_stream.TOKEN: "b3arer", x_stream.BACKFILL: backfill}, server.url)
        source.start(position)
        try:
            yield source
        finally:
            source.close()


def read(source: LinesStream, number: int) -> list[Frame]:
    frames: list[Frame] = []
    deadline = time.monotonic() + PATIENCE_S
    while len(frames) < number:
        assert time.monotonic() < deadline
        frames += source.read()
    return frames


def test_lines_wherever_they_are_cut_and_not_the_empty_ones() -> None:
    server = ActivityStream(
        [b'{"a":', b"1}\r", b'\n\r\n{"b":2}\r\n\r\n\r\n{"c"', b":3}\n{", b"cut off"],
        [b"again\r\n", threading.Event()],
    )
    with listening(server) as source:
        frames = read(source, 4)
        assert [frame.data for frame in frames] == [b'{"a":1}', b'{"b":2}', b'{"c":3}', b"again"]
        positions = [frame.position for frame in frames]
        assert positions == sorted(set(positions))
        assert 0 < positions[0] <= now_ms() * 1000
        assert source.complete_ms is not None
        assert {each.headers["authorization"] for each in server.asked} == {"Bearer b3arer"}


def test_a_line_of_any_length_takes_bounded_memory() -> None:
    long = b"x" * (3 * FRAME_BYTES_MAX)
    server = ActivityStream(
        [*(long[at : at + 50_000] for at in range(0, len(long), 50_000)), b"\nshort\n", threading.Event()]
    )
    with listening(server) as source:
        first, second = read(source, 2)
    assert (len(first.data), first.size_bytes) == (HEAD_BYTES, len(long))
    assert (second.data, second.size_bytes) == (b"short", 5)


def test_a_network_that_asks_to_wait_is_waited_for_and_one_that_fails_is_asked_again() -> None:
    assert wait_s({"x-rate-limit-reset": str(now_ms() // 1000 + 1_000)}) > 900
    server = ActivityStream(
        Answer(429, b"", {"x-rate-limit-reset": "1"}), Answer(503, b""), [b"here\n", threading.Event()]
    )
    with listening(server) as source:
        read(source, 1)
    assert len(server.asked) == 3


def test_a_refusal_ends_it() -> None:
    with listening(ActivityStream(Answer(401, b""))) as source, pytest.raises(SourceUnavailable, match="401"):
        read(source, 1)
    with pytest.raises(CallerError, match="yes or no"):
        x_stream.stream({x_stream.TOKEN: "t", x_stream.BACKFILL: "maybe"})


def test_a_gap_is_filled_where_that_is_to_be_had() -> None:
    server = ActivityStream([b"one\n"], [b"two\n", threading.Event()])
    with listening(server, position=(now_ms() - 150_000) * 1000, backfill="yes") as source:
        read(source, 2)
    assert [each.query for each in server.asked] == [{"backfill_minutes": "3"}, {"backfill_minutes": "1"}]
    server = ActivityStream([b"one\n", threading.Event()])
    with listening(server, position=1, backfill="yes") as source:
        read(source, 1)
    assert [each.query for each in server.asked] == [{"backfill_minutes": "5"}]
    server = ActivityStream([b"one\n"], [b"two\n", threading.Event()])
    with listening(server) as source:
        read(source, 2)
    assert [each.query for each in server.asked] == [{}, {}]


def test_who_reads_slowly_holds_the_network_up() -> None:
    many = [
        b"".join(b"%d\n" % number for number in range(start, start + 1_000))
        for start in range(0, 20_000, 1_000)
    ]
    with listening(ActivityStream([*many, threading.Event()])) as source:
        deadline = time.monotonic() + PATIENCE_S
        while source._queue.qsize() < lines_stream.QUEUED_LINES_MAX:  # noqa: SLF001 (the bound itself)
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert source.complete_ms is None
        assert [frame.data for frame in read(source, 20_000)] == [b"%d" % number for number in range(20_000)]


def test_it_closes_while_nothing_comes() -> None:
    with listening(ActivityStream([b"one\n", threading.Event()])) as source:
        read(source, 1)
        source.close()
        assert not source._thread.is_alive()  # noqa: SLF001 (what must have ended)
