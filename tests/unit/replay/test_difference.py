"""Two replays side by side: everybody once, the sums right, whatever the frames are cut into."""

from collections.abc import Iterator, Sequence
from html.parser import HTMLParser

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from presence.model.spec import load
from presence.replay.difference import BEFORE_AND_AFTER, compare, most_moved, side_by_side
from presence.replay.page import About, page

ENTRIES = ("reach", "resonance", "voice", "conduct")
Score = tuple[str, int, dict[str, int]]
"""Person, partition, and millipoints by entry."""


def frame(scores: Sequence[Score]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "person": [person for person, _, _ in scores],
            "partition": [partition for _, partition, _ in scores],
            "kind": [1] * len(scores),
            "presence": [sum(entries.values()) for _, _, entries in scores],
            "waterfall": [
                [{"entry": name, "network": "x", "account": 7, "millipoints": points} for name, points in entries.items()]
                for _, _, entries in scores
            ],
        },
        schema={
            "person": pl.String, "partition": pl.Int32, "kind": pl.UInt8, "presence": pl.Int64,
            "waterfall": pl.List(pl.Struct({"entry": pl.String, "network": pl.String, "account": pl.UInt64, "millipoints": pl.Int64})),
        },
    )  # fmt: skip


def cut(whole: pl.DataFrame, sizes: Sequence[int]) -> Iterator[pl.DataFrame]:
    begin = 0
    for size in sizes:
        yield whole[begin : begin + size]
        begin += size
    yield whole[begin:]


BEFORE = frame(
    [
        ("a", 0, {"reach": 10, "voice": 5}),
        ("b", 0, {"reach": 20}),
        ("c", 1, {"reach": 30}),
        ("d", 0, {"voice": 7}),
    ]
)
AFTER = frame(
    [
        ("a", 0, {"reach": 10, "voice": 25}),
        ("b", 0, {"reach": 14, "conduct": -4}),
        ("c", 1, {"reach": 30}),
        ("e", 1, {"reach": 1}),
    ]
)


def test_who_moves_how_far_and_why() -> None:
    found = compare([BEFORE], [AFTER])
    assert dict(found.everybody.schema) == dict(BEFORE_AND_AFTER)
    assert found.everybody.select("person", "before", "after", "difference").rows() == [
        ("a", 15, 35, 20), ("c", 30, 30, 0), ("b", 20, 10, -10), ("d", 7, None, None), ("e", None, 1, None)
    ]  # fmt: skip
    rising, falling = most_moved(found, 5)
    assert rising.select("person", "rank_before", "rank_after").rows() == [("a", 3, 1)]
    assert falling["reasons"].to_list() == [
        [{"entry": "reach", "millipoints": -6}, {"entry": "conduct", "millipoints": -4}]
    ]
    told = found.told()
    assert (told["people"], told["rise"], told["fall"], told["same"]) == (3, 1, 1, 1)
    assert (told["only_before"], told["only_after"]) == (1, 1)
    assert told["by_entry"] == {"reach": [60, 55], "voice": [12, 25], "conduct": [0, -4]}
    assert told["spearman"] == pytest.approx(-0.5)
    assert told["kendall"] == pytest.approx(-1 / 3, abs=1e-6)


def test_nobody_and_everybody_alike_have_no_correlation() -> None:
    empty = compare([], [])
    assert (empty.told()["people"], empty.told()["kendall"]) == (0, None)
    same = compare([BEFORE[:1]], [BEFORE[:1]])
    assert (same.told()["same"], same.told()["spearman"]) == (1, None)


def test_whoever_was_erased_is_left_out() -> None:
    gone = BEFORE.with_columns(presence=pl.when(pl.col("person") == "b").then(None).otherwise("presence"))
    assert "b" not in compare([gone], [gone]).everybody["person"].to_list()


SCORES = st.lists(
    st.tuples(st.text("abc", max_size=3), st.integers(0, 2), st.dictionaries(st.sampled_from(ENTRIES), st.integers(-9, 9))),
    max_size=20, unique_by=lambda score: score[:2],
).map(lambda scores: sorted(scores, key=lambda score: score[:2]))  # fmt: skip
CUTS = st.lists(st.integers(0, 6), max_size=8)


@settings(deadline=None, max_examples=40)
@given(SCORES, SCORES, CUTS, CUTS)
def test_frames_may_be_cut_anywhere(
    before: list[Score], after: list[Score], left: list[int], right: list[int]
) -> None:
    whole = compare([frame(before)], [frame(after)])
    parts = compare(cut(frame(before), left), cut(frame(after), right))
    assert parts.everybody.equals(whole.everybody)
    assert parts.told() == whole.told()
    assert {score[:2] for score in [*before, *after]} == set(
        whole.everybody.select("person", "partition").rows()
    )
    for one, other in side_by_side(cut(frame(before), left), cut(frame(after), right)):
        people = [set(each["person"]) for each in (one, other)]
        assert people[0] | people[1]


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href"}]
        if tag not in {"meta", "!doctype"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(("before", "after"), [(BEFORE, AFTER), (BEFORE[:0], AFTER[:0]), (BEFORE, AFTER[:0])])
def test_the_page_is_whole_and_needs_nothing_else(before: pl.DataFrame, after: pl.DataFrame) -> None:
    about = About(load(), load(), "kafka", "<until>", [("pillars.<x>", 1, 2)])
    text = page(compare([before], [after]), about)
    tags = Tags()
    tags.feed(text)
    assert (tags.open, tags.addresses) == ([], [])
    assert "&lt;until&gt;" in text
    assert "pillars.&lt;x&gt;" in text
    assert "url(" not in text
    assert "nan" not in text.lower().replace("governance", "")
    assert text == page(compare([before], [after]), about)
