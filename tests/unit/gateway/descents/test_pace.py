from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pullback.gateway.descents.pace import GROWTH, LEG_SECONDS, MOST_SECONDS, Pace


def test_legs_grow_until_they_take_their_time() -> None:
    """From one step, eightfold each time, to what a leg's time holds at a steady millisecond a step."""
    pace, found = Pace(0), []
    for _ in range(6):
        steps = pace.steps(10**6)
        found.append(steps)
        pace.took(steps, steps * 1e-3)
    assert found == [1, GROWTH, GROWTH**2, 250, 250, 250]


def test_steps_that_take_longer_than_a_leg_go_alone() -> None:
    """One by one, however long each takes."""
    pace = Pace(0)
    for _ in range(3):
        assert pace.steps(100) == 1
        pace.took(1, 30.0)


def test_a_leg_that_overran_is_tried_with_fewer_steps() -> None:
    """Down to one, which has no shorter one."""
    pace = Pace(0)
    pace.took(100, 0.1)
    steps = pace.steps(10**6)
    assert steps == int(100 * LEG_SECONDS / 0.1)
    assert pace.overran(steps)
    assert pace.steps(10**6) == steps // GROWTH
    assert not pace.overran(1)
    assert pace.steps(10**6) == 1


@given(
    leg_bytes=st.integers(0, 2**27),
    took=st.lists(st.tuples(st.integers(1, 10**7), st.floats(0, 1e4)), max_size=20),
    left=st.integers(0, 10**7),
)
def test_a_leg_has_a_step_and_no_more_than_are_left(
    leg_bytes: int, took: list[tuple[int, float]], left: int
) -> None:
    """Whatever the legs before took; one is sent even where none is left, for its end to be found."""
    pace = Pace(leg_bytes)
    for steps, seconds in took:
        pace.took(steps, seconds)
    assert 1 <= pace.steps(left) <= max(1, left)


def test_legs_with_big_inputs_are_longer() -> None:
    """Sixteen megabytes are worth more than a quarter of a second, and no size more than five."""
    for leg_bytes, seconds in ((0, LEG_SECONDS), (2**24, LEG_SECONDS + 2.0), (2**27, MOST_SECONDS)):
        pace = Pace(leg_bytes)
        pace.took(1_000, seconds)
        assert pace.steps(10**6) == 1_000
