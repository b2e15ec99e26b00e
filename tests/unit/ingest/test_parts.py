"""The small parts of the runner: bounded, and right after a restart."""

from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from presence.events.errors import CallerError
from presence.events.vocabulary import EventId, PersonId
from presence.ingest.backoff import Backoff
from presence.ingest.cursor import TRAIL_MAX, Checkpoint, CursorStore, Trail
from presence.ingest.delivery import default_partition
from presence.ingest.file import FileSource
from presence.ingest.frames import FRAME_BYTES_MAX, HEAD_BYTES, Frame
from presence.ingest.lock import exclusive
from presence.ingest.networks.jetstream import JetstreamSource
from presence.ingest.received import Received, ReceivedIndex
from presence.ingest.recent import Recent


def point(position: int, offset: int) -> Checkpoint:
    return Checkpoint(position, {"t": {0: offset}})


def all_frames(source: FileSource) -> list[Frame]:
    frames: list[Frame] = []
    with closing(source):
        while not source.done:
            frames.extend(source.read())
    return frames


def label(path: Path) -> str:
    with closing(FileSource(path)) as source:
        return source.label


def test_recent_knows_the_newest_only() -> None:
    recent = Recent(ids_max=2)
    assert [recent.add(one) for one in (1, 2, 1, 3)] == [True, True, False, True]
    assert [one in recent for one in (1, 2, 3)] == [False, True, True]


def test_waiting_doubles_up_to_a_bound_and_starts_anew() -> None:
    backoff = Backoff(first_s=1, longest_s=8)
    for ceiling_s in (1, 2, 4, 8, 8, 8):
        assert 0 <= backoff.failed() <= ceiling_s
    backoff.succeeded()
    assert backoff.failed() <= 1


def test_a_trail_saves_offsets_from_before_the_overlap() -> None:
    trail = Trail(point(0, 0), overlap=100)
    for position in range(10, 1000, 10):
        saved = trail.extend(point(position, position))
        assert saved.position == position
        assert saved.offsets["t"][0] <= max(0, position - 100)
    assert saved.offsets["t"][0] >= 990 - 100 - 20


def test_a_trail_is_bounded_however_dense_its_points_are() -> None:
    trail = Trail(point(0, 0), overlap=10_000)
    for position in range(1, 50_000):
        saved = trail.extend(point(position, position))
    assert 50_000 - 10_000 - 2 * 10_000 // TRAIL_MAX * 2 <= saved.offsets["t"][0] < 40_000


def test_without_overlap_a_trail_saves_what_it_is_given() -> None:
    trail = Trail(Checkpoint(None, {"t": {0: 5}}), overlap=0)
    assert trail.extend(point(1, 7)) == point(1, 7)
    assert trail.extend(point(2, 9)) == point(2, 9)


def test_a_saved_cursor_is_there_after_a_restart(tmp_path: Path) -> None:
    store = CursorStore(tmp_path)
    store.save("a", point(3, 4))
    store.close()
    store = CursorStore(tmp_path)
    assert (store.load("a"), store.load("b")) == (point(3, 4), None)
    store.forget("a")
    assert store.load("a") is None


def test_the_index_keeps_two_generations(tmp_path: Path) -> None:
    index = ReceivedIndex(tmp_path, records_max=10)
    made = Received(PersonId("p_a"), EventId(2**64 - 1), 5)
    for number in range(35):
        index.put(f"r{number}", [made])
        index.commit()
    known = [number for number in range(35) if list(index.find(f"r{number}")) == [made]]
    assert known == list(range(20, 35))
    index.close()


def test_records_of_several_people_are_kept_together(tmp_path: Path) -> None:
    index = ReceivedIndex(tmp_path)
    made = [Received(PersonId("p_a"), EventId(1), 5), Received(PersonId("p_longer"), EventId(2), 6)]
    index.put("r", made)
    assert list(index.find("r")) == made
    index.close()


@pytest.mark.parametrize(
    ("key", "partition"),
    # From the murmur2 vectors of Kafka's own UtilsTest: -973932308, -790332482, -985981536.
    [
        (b"21", (-973932308 & 0x7FFFFFFF) % 7),
        (b"foobar", (-790332482 & 0x7FFFFFFF) % 7),
        (b"a-little-bit-long-string", (-985981536 & 0x7FFFFFFF) % 7),
    ],
)
def test_a_person_is_placed_where_kafkas_own_partitioner_does(key: bytes, partition: int) -> None:
    assert default_partition(key, 7) == partition


def test_only_one_at_a_time_in_a_folder(tmp_path: Path) -> None:
    with exclusive(tmp_path / "bluesky"), pytest.raises(CallerError, match="another ingest of bluesky"):
        exclusive(tmp_path / "bluesky").__enter__()
    with exclusive(tmp_path / "bluesky"):
        pass


def test_a_file_is_read_line_by_line_and_on_from_a_position(tmp_path: Path) -> None:
    path = tmp_path / "frames"
    path.write_bytes(b"one\n\n two \r\nthree")
    frames = all_frames(FileSource(path))
    assert [(each.data, each.position) for each in frames] == [(b"one", 1), (b"two", 3), (b"three", 4)]
    source = FileSource(path)
    source.start(3)
    assert [each.data for each in all_frames(source)] == [b"three"]
    assert source.bytes_read == path.stat().st_size


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_that_is_too_long_keeps_its_head_and_its_size(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "frames"
    fits, long = b"f" * FRAME_BYTES_MAX, b"[" * 10_000_000
    path.write_bytes(fits + b"\nshort\n" + long + end)
    first, second, third = all_frames(FileSource(path))
    assert (first.data, second.data) == (fits, b"short")
    assert (third.data, third.position) == (long[:HEAD_BYTES], 3)
    assert third.size_bytes == len(long)


def test_a_file_is_known_by_its_content(tmp_path: Path) -> None:
    for name, content in (("a", b"1\n2\n"), ("b", b"1\n2\n"), ("c", b"1\n3\n"), ("d", b"1\n2\n3\n")):
        (tmp_path / name).write_bytes(content)
    labels = {name: label(tmp_path / name) for name in "abcd"}
    assert labels["a"] == labels["b"]
    assert len(set(labels.values())) == 3


def test_a_file_that_is_not_there_is_the_callers_error(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="No such file"):
        FileSource(tmp_path / "none")


@pytest.mark.parametrize("url", ["", "localhost:6008", "http://localhost:6008/subscribe", "ws://"])
def test_what_is_no_websockets_address_is_the_callers_error(url: str) -> None:
    with pytest.raises(CallerError, match="is not a websocket's address"):
        JetstreamSource(url, ["app.bsky.feed.post"])


def test_backoff_spreads_clients() -> None:
    waits = [Backoff(first_s=1, longest_s=1).failed() for _ in range(20)]
    assert all(one != other for one, other in pairwise(waits))
