"""What a worker tells of how it stands: what is behind, what is restored, how late scores are."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from presence.log.clock import now_ms
from presence.log.metrics import REGISTRIES, Service
from presence.model.spec import load
from presence.scoring.meter import Meter

NUMBER = 77
FRESH = "presence_scoring_observed_to_published_seconds"


@dataclass
class Sent:
    timestamp: int


@pytest.fixture
def meter() -> Iterator[Meter]:
    made = Meter(load(), "")
    yield made
    made.closed(NUMBER)


def told(name: str, **labels: str) -> float | None:
    return REGISTRIES[Service.SCORING].get_sample_value(name, labels)


def of_partition(name: str) -> float | None:
    return told(f"presence_scoring_{name}", partition=str(NUMBER))


def test_a_partition_is_restored_by_and_by_and_then_current(meter: Meter) -> None:
    meter.opened(NUMBER, offset=100, end=300)
    assert (of_partition("restored_ratio"), of_partition("lag_records")) == (0, 200)
    meter.applied(NUMBER, [Sent(now_ms() - 60_000)] * 50, offset=150, change=1)
    meter.looked({NUMBER: 300}, {NUMBER: 150})
    assert (of_partition("restored_ratio"), of_partition("lag_records")) == (0.25, 150)
    assert of_partition("lag_seconds") == pytest.approx(60, abs=5)
    meter.applied(NUMBER, [Sent(now_ms())] * 150, offset=300, change=2)
    meter.looked({NUMBER: 300}, {NUMBER: 300})
    assert (of_partition("restored_ratio"), of_partition("lag_seconds")) == (1, 0)


def test_how_late_a_score_is_counts_each_score_by_the_oldest_record_of_its_batch(meter: Meter) -> None:
    meter.opened(NUMBER, offset=0, end=0)
    before = told(f"{FRESH}_count") or 0, told(f"{FRESH}_sum") or 0
    at = now_ms()
    meter.applied(NUMBER, [Sent(at - 8_000), Sent(at - 1_000)], offset=2, change=1)
    meter.applied(NUMBER, [Sent(at - 500)], offset=3, change=2)
    changes = {"a": 1, "b": 1, "c": 2}
    assert meter.observed_ms(NUMBER, changes) == at - 8_000
    meter.published(NUMBER, changes, {"unknown_kind": 2}, unpublished=0)
    assert (told(f"{FRESH}_count") or 0) - before[0] == 3
    assert (told(f"{FRESH}_sum") or 0) - before[1] == pytest.approx(16.5, abs=3)
    assert meter.observed_ms(NUMBER, changes) is None


def test_what_was_folded_to_restore_a_partition_is_not_said_to_be_late(meter: Meter) -> None:
    meter.opened(NUMBER, offset=0, end=10)
    meter.applied(NUMBER, [Sent(0)], offset=1, change=1)
    assert meter.observed_ms(NUMBER, {"a": 1}) is None


def test_a_partition_that_another_worker_has_is_told_of_no_more(meter: Meter) -> None:
    meter.opened(NUMBER, offset=0, end=10)
    meter.closed(NUMBER)
    assert of_partition("lag_records") is None
    assert of_partition("lag_seconds") is None
