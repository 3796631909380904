from __future__ import annotations

from pullback.worker.calling import ENOUGH, ON_CALL_MS, TERM_SECONDS, OnCall


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Gives the time."""
        return self.now


def test_a_drain_does_not_wait_for_a_call_that_came_by_chance() -> None:
    """Looks that mostly find nothing make no drain wait beside other work."""
    on_call = OnCall(Clock())
    for _ in range(10 * ENOUGH):
        assert on_call.wait_ms(found=True) == 0
        assert on_call.wait_ms(found=False) == 0
        assert on_call.wait_ms(found=False) == 0


def test_a_drain_waits_for_a_caller_who_calls_again_and_again() -> None:
    """Who calls as soon as he is answered is there at each look after a turn, and not at the one before it."""
    on_call = OnCall(Clock())
    waits = []
    for _ in range(ENOUGH):
        waits += [on_call.wait_ms(found=True), on_call.wait_ms(found=False)]
    assert waits == [0] * (2 * ENOUGH - 2) + [ON_CALL_MS] * 2
    assert on_call.wait_ms(found=True) == ON_CALL_MS


def test_a_caller_who_went_away_is_not_waited_for() -> None:
    """After two looks that found nothing the drain is no more on call."""
    on_call = OnCall(Clock())
    for _ in range(ENOUGH):
        on_call.wait_ms(found=True)
    assert [on_call.wait_ms(found=False), on_call.wait_ms(found=False)] == [ON_CALL_MS, 0]
    assert on_call.wait_ms(found=True) == 0


def test_a_term_comes_to_its_end() -> None:
    """However many calls there are, a drain has to find them anew from time to time."""
    clock = Clock()
    on_call = OnCall(clock)
    for _ in range(ENOUGH + 100):
        last = on_call.wait_ms(found=True)
    assert last == ON_CALL_MS
    clock.now += TERM_SECONDS
    assert [on_call.wait_ms(found=True) for _ in range(ENOUGH + 1)] == [0] * ENOUGH + [ON_CALL_MS]
