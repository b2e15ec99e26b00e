"""What is put together from published scores, at known values."""

import math

import pytest

from presence.gateway import closings, simulate
from presence.gateway.wire import framed, history_response, list_response
from presence.model.spec import load
from presence.v1.score_pb2 import Score
from presence.v1.service_pb2 import DailyClosing, GetHistoryResponse, ListScoresResponse


@pytest.mark.parametrize("factor", [50_000, 123_456, 500_000, 999_999, 1_000_000])
def test_the_burden_of_a_factor_leaves_that_factor(factor: int) -> None:
    assert round(1_000_000 * math.exp(-simulate.burden(factor) / 1e6)) == factor
    points = simulate.curve(100_000, factor, load().conduct, [], [0])
    assert points == [simulate.Point(0, factor // 10, factor)]


def test_what_is_open_is_halved_by_a_half_life() -> None:
    (point,) = simulate.curve(100_000, 250_000, load().conduct, [], [90])
    assert point.factor == 500_000


@pytest.mark.parametrize(
    "text", ["", "2026-11-3", "2026-11-031", "1969-12-31", "20261123", "2026-W48-1", "x"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(closings.NoDay):
        closings.day_number(text)


def test_framed_answers_are_the_messages_that_protobuf_would_write() -> None:
    scores = [Score(person="x" * 200), Score()]
    stored = [score.SerializeToString() for score in scores]
    listed = ListScoresResponse(scores=scores, next_page_token="t", total_size=2)
    assert list_response(map(framed, stored), next_page_token="t", total_size=2) == listed.SerializeToString()
    days = ["2026-11-23", "2026-11-24"]
    rows = [DailyClosing(day=day, score=score) for day, score in zip(days, scores, strict=True)]
    history = GetHistoryResponse(closings=rows, next_page_token="t")
    answered = history_response(zip(days, stored, strict=True), next_page_token="t")
    assert answered == history.SerializeToString()
