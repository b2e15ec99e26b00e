"""The order of rows is that of numpy's sort by several keys, however the keys lie."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from presence.model import runs

KEYS = st.tuples(
    st.sampled_from((1, 3, 1_000, 2**32)),
    st.sampled_from((1, 5, 2**20, 2**63)),
    st.sampled_from((1, 2, 200)),
    st.integers(0, 2**32),
)


@given(KEYS)
def test_many_rows_are_ordered_as_lexsort_orders_them(drawn: tuple[int, int, int, int]) -> None:
    first, second, third, seed = drawn
    random = np.random.default_rng(seed)
    rows = runs.SMALL_ROWS + int(random.integers(1, 300))
    keys = (
        random.integers(0, first, rows, dtype=np.uint32 if first < 2**32 else np.uint64),
        random.integers(0, second, rows, dtype=np.uint64) * np.uint64(random.choice([1, 2**40 + 1])),
        random.integers(-third, third, rows, dtype=np.int32),
        random.integers(-(2**62), 2**62, rows) * random.integers(-1, 2, rows),
    )
    assert np.array_equal(runs.order(*keys), np.lexsort(keys[::-1]))


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1))
def test_ranks_keep_order_and_equality(values: list[int]) -> None:
    column = np.array(values, dtype=np.uint64)
    found = runs.ranks(column)
    assert found.max() < len(set(values))
    assert np.array_equal(np.argsort(found, kind="stable"), np.argsort(column, kind="stable"))
    assert len(set(found.tolist())) == len(set(values))
