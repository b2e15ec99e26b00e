"""The table of any half-life that a model file may name is exact, also where a float64 cannot tell."""

from hypothesis import example, given
from hypothesis import strategies as st
from tests.oracle.quantity import decay

from presence.model.decay import table


@given(half_life_days=st.integers(1, 3_650), halvings=st.floats(0, 20))
@example(half_life_days=30, halvings=1.0)
@example(half_life_days=665, halvings=11_581 / 665)  # 4e-7 below 6
@example(half_life_days=396, halvings=3_427 / 396)  # 8e-7 below 2,603
@example(half_life_days=592, halvings=2_841 / 592)  # 3e-8 above 37,667
def test_the_table_says_what_the_inequality_says(half_life_days: int, halvings: float) -> None:
    age = round(half_life_days * halvings)
    assert table(half_life_days)[age] == decay(half_life_days, age)
    assert len(table(half_life_days)) == 20 * half_life_days + 2
    assert table(half_life_days)[-1] == decay(half_life_days, 20 * half_life_days + 1) == 0
