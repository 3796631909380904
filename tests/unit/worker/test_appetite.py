from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pullback.worker.appetite import BATCH_SECONDS, FIRST, Appetite


def test_grows_twofold_while_full_batches_are_quick() -> None:
    """Quick full batches double what is taken, up to the limit."""
    appetite = Appetite(most=100)
    seen = []
    for _ in range(5):
        seen.append(appetite.count)
        appetite.digest(appetite.count, BATCH_SECONDS / 10)
    assert seen == [FIRST, 32, 64, 100, 100]


def test_shrinks_to_what_takes_the_time_meant() -> None:
    """A batch of 16 that took ten times too long leads to one job at a time."""
    appetite = Appetite(most=512)
    appetite.digest(16, 10 * BATCH_SECONDS)
    assert appetite.count == 1


def test_a_batch_that_was_not_full_says_nothing_about_bigger_ones() -> None:
    """Quick batches of one job do not raise what is taken."""
    appetite = Appetite(most=512)
    for _ in range(10):
        appetite.digest(1, 0.0)
    assert appetite.count == FIRST


@given(
    st.integers(1, 4096),
    st.lists(st.tuples(st.integers(1, 4096), st.floats(0, 1e4, allow_nan=False))),
)
def test_stays_between_one_and_the_limit(most: int, batches: list[tuple[int, float]]) -> None:
    """Whatever batches were like, at least one job is taken and never more than the limit."""
    appetite = Appetite(most)
    for jobs, seconds in batches:
        appetite.digest(jobs, seconds)
        assert 1 <= appetite.count <= most
