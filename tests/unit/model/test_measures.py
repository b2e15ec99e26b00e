from math import isqrt

import numpy as np
import pytest

from presence.model import decay, runs
from presence.model.measures import ln1p, saturation, truncated, week_age, weigh


@pytest.mark.parametrize("half_life", [1, 7, 30, 60, 90])
def test_every_entry_of_a_decay_table_is_the_greatest_that_the_inequality_allows(half_life: int) -> None:
    table = decay.table(half_life)
    assert len(table) == 20 * half_life + 2
    for age, left in enumerate(table[:-1].tolist()):
        bound = 1 << (20 * half_life - age)
        assert left**half_life <= bound < (left + 1) ** half_life
    assert table[-1] == 0


@pytest.mark.parametrize("half_life", [180, 365, 730])
def test_long_tables_halve_exactly_and_never_rise(half_life: int) -> None:
    table = decay.table(half_life)
    assert table[::half_life].tolist()[:21] == [2**power for power in range(20, -1, -1)]
    assert bool(np.all(np.diff(table) <= 0))


def test_a_decay_table_cannot_be_changed_by_who_reads_it() -> None:
    with pytest.raises(ValueError, match="read-only"):
        decay.table(30)[0] = 1


def test_the_logarithm_is_in_micro_nats_and_rounds_to_even() -> None:
    assert ln1p(np.array([0.0, 1.0, np.e - 1, 999_999.0])).tolist() == [0, 693_147, 1_000_000, 13_815_511]


@pytest.mark.parametrize("full_at", [1, 40, 200, 2_500, 1_000_000])
def test_saturation_is_the_root_of_the_share_and_stops_where_it_is_full(full_at: int) -> None:
    values = [0, 1, full_at, 999 * full_at, 10**6 * full_at - 1, 10**6 * full_at, 10**6 * full_at + 1, 2**62]
    wanted = [isqrt(min(10**12, 10**6 * value // full_at)) for value in values]
    assert saturation(np.array(values), full_at).tolist() == wanted


def test_saturation_floors_before_the_root() -> None:
    """Of this share the root in floating point is a whole number, just above the exact one."""
    full_at, value = 999_983, 960_548_317_457
    assert saturation(np.array([value]), full_at).tolist() == [isqrt(10**6 * value // full_at)] == [980_083]


def test_weights_floor_and_quotients_go_towards_zero() -> None:
    assert weigh(300, np.array([9, 10])).tolist() == [2, 3]
    assert truncated(np.array([-7, 7, 0]), 2).tolist() == [-3, 3, 0]


def test_a_week_is_as_old_as_its_middle_and_the_future_is_not_old() -> None:
    day = np.array([14, 13, 20, 0])
    assert week_age(day, np.array([1, 1, 1, 1])).tolist() == [0, 0, 6, 0]


@pytest.mark.parametrize("rows", [0, 1, 100, runs.SMALL_ROWS, 20 * runs.SMALL_ROWS])
def test_rows_of_equal_keys_keep_their_order_however_many_there_are(rows: int) -> None:
    first, second = np.arange(rows) * 7_919 % 13, np.arange(rows, dtype=np.uint64) * 104_729 % 11
    wanted = sorted(range(rows), key=lambda row: (first[row], second[row]))
    assert runs.order(first, second).tolist() == wanted
