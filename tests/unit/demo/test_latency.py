import json

from presence.demo.frames import CAST, frames
from presence.demo.latency import Arrivals, percentile


def test_an_act_has_arrived_with_the_first_score_that_counts_it() -> None:
    arrivals = Arrivals()
    arrivals.note("ada", 10, 1_000)
    arrivals.note("ada", 14, 1_200)
    assert arrivals.first_with("ada", 9) == 1_000
    assert arrivals.first_with("ada", 10) == 1_000
    assert arrivals.first_with("ada", 11) == 1_200
    assert arrivals.first_with("ada", 15) is None
    assert arrivals.first_with("bo", 0) is None


def test_percentiles_are_by_nearest_rank() -> None:
    assert percentile(list(range(1, 101)), 50) == 50
    assert percentile(list(range(1, 101)), 99) == 99
    assert percentile([40, 10, 30, 20], 50) == 20, "they need not be sorted"
    assert percentile([7], 99) == 7
    assert percentile([], 50) is None


def test_the_same_seed_gives_the_same_frames_in_time_order_and_within_the_past() -> None:
    recorded = list(frames(500, end_ms=1_795_000_000_000))
    assert recorded == list(frames(500, end_ms=1_795_000_000_000))
    assert recorded != list(frames(500, end_ms=1_795_000_000_000, seed=2))
    times = [json.loads(frame)["time_us"] for frame in recorded]
    assert times == sorted(set(times))
    assert times[-1] < 1_795_000_000_000_000
    assert {json.loads(frame)["did"] for frame in recorded} > {member.did for member in CAST}
