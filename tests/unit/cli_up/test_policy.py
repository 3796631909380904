from __future__ import annotations

import pytest

from pullback.cli.up.policy import (
    FIRST_DELAY_SECONDS,
    LONGEST_DELAY_SECONDS,
    MOST_QUICK_DEATHS,
    QUICK_SECONDS,
    RestartPolicy,
)


def test_each_quick_death_doubles_the_wait_until_the_part_is_given_up() -> None:
    """Quick deaths in a row wait 0.2, 0.4, 0.8 and 1.6 seconds; the fifth is the last."""
    policy = RestartPolicy()
    delays = [policy.after_death(0.0) for _ in range(5)]
    assert delays == [pytest.approx(0.2), pytest.approx(0.4), pytest.approx(0.8), pytest.approx(1.6), None]


def test_a_long_life_forgives_all_deaths_before_it() -> None:
    """After a part has lived long, it has all its tries again, from the shortest wait on."""
    policy = RestartPolicy()
    for _ in range(MOST_QUICK_DEATHS - 1):
        assert policy.after_death(0.0) is not None
    assert policy.after_death(QUICK_SECONDS) == FIRST_DELAY_SECONDS
    assert [policy.after_death(0.0) for _ in range(MOST_QUICK_DEATHS)][-2:] == [pytest.approx(1.6), None]


def test_a_part_that_always_lives_long_is_never_given_up() -> None:
    """Deaths far apart are started over without end, each after the shortest wait."""
    policy = RestartPolicy()
    assert {policy.after_death(QUICK_SECONDS + 1) for _ in range(100)} == {FIRST_DELAY_SECONDS}


def test_a_life_just_under_the_limit_counts_as_quick() -> None:
    """The limit itself is a long life; anything below it is a quick death."""
    policy = RestartPolicy()
    delays = [policy.after_death(QUICK_SECONDS - 0.001) for _ in range(MOST_QUICK_DEATHS)]
    assert delays[-1] is None


def test_no_wait_is_longer_than_the_longest() -> None:
    """A user never waits longer than the stated longest time for a new start."""
    policy = RestartPolicy()
    delays = [policy.after_death(0.0) for _ in range(MOST_QUICK_DEATHS)]
    assert all(delay is None or delay <= LONGEST_DELAY_SECONDS for delay in delays)
