from __future__ import annotations

import math
import re

import pytest

from pullback.client.retries import Attempts, Backoff
from pullback.contract.errors import (
    TABLE,
    InvalidArgument,
    LimitExceeded,
    Overloaded,
    PullbackError,
    QueueUnavailable,
    Stopping,
    Unreachable,
)


@pytest.mark.parametrize("cls", TABLE)
def test_only_what_passes_by_is_tried_again(cls: type[PullbackError]) -> None:
    """A service that is full, cannot reach its queue, is stopping or is away: nothing else is sent twice."""
    passes = cls in {Overloaded, QueueUnavailable, Stopping, Unreachable}
    assert (Backoff(30.0).delay(cls("no")) is not None) == passes
    assert Backoff(30.0).delay(cls("no", retry_seconds=1.0)) is not None


def test_what_cannot_be_mended_is_not_tried_again() -> None:
    """An error without a delay ends the tries, as does one of a class that never has one."""
    backoff = Backoff(30.0)
    assert backoff.delay(InvalidArgument("no")) is None
    assert backoff.delay(LimitExceeded("no")) is None


def test_an_absent_service_is_looked_for_less_and_less_often() -> None:
    """Delays double, with jitter, up to two seconds, until the time for retries is spent."""
    backoff = Backoff(30.0)
    delays = []
    while (delay := backoff.delay(Unreachable("gone"))) is not None:
        delays.append(delay)
    ceilings = [min(2.0, 0.1 * 2**number) for number in range(len(delays))]
    assert all(ceiling / 2 <= delay <= ceiling for delay, ceiling in zip(delays, ceilings, strict=True))
    assert 30.0 <= math.fsum(delays) <= 32.0


def test_a_full_service_is_left_alone_for_as_long_as_it_asks() -> None:
    """The service's own delay is kept, and never shortened."""
    delay = Backoff(30.0).delay(Overloaded("full", retry_seconds=4.0))
    assert delay is not None
    assert 4.0 <= delay <= 5.0


def test_an_answer_renews_the_time_for_retries() -> None:
    """After a reset, delays begin small again."""
    backoff = Backoff(1.0)
    while backoff.delay(Unreachable("gone")) is not None:
        pass
    backoff.reset()
    delay = backoff.delay(Unreachable("gone"))
    assert delay is not None
    assert delay <= 0.1


def test_the_user_is_told_once_what_is_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """A service that stays away is told of after two seconds, and again only after it was there."""
    backoff = Backoff(60.0)
    waited = 0.0
    while not caplog.messages:
        delay = backoff.delay(Unreachable("no service answers at here:1"))
        assert delay
        waited += delay
    assert 2.0 <= waited <= 4.0
    (text,) = caplog.messages
    assert re.fullmatch(r"no service answers at here:1; trying for another 5[678] s", text)
    for _ in range(5):
        backoff.delay(Unreachable("no service answers at here:1"))
    assert len(caplog.messages) == 1
    backoff.reset()
    for _ in range(20):
        backoff.delay(Unreachable("no service answers at there:1"))
    assert len(caplog.messages) == 2


def test_waiting_for_room_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever brings much work waits for room now and then."""
    backoff = Backoff(60.0)
    for _ in range(10):
        backoff.delay(Overloaded("full", retry_seconds=4.0))
    assert caplog.messages == []


def test_no_retries_means_one_try() -> None:
    """With no time for retries the first error is raised."""
    fault = Unreachable("gone")
    with pytest.raises(Unreachable) as caught:
        Attempts(0.0, None).delay(fault)
    assert caught.value is fault


def test_a_wait_that_would_pass_the_time_limit_is_not_begun() -> None:
    """The last error is raised while there is still time, not after it."""
    attempts = Attempts(30.0, 3.0)
    with pytest.raises(Overloaded):
        attempts.delay(Overloaded("full", retry_seconds=3.0))


def test_a_try_outlives_the_evaluations_limit_a_little() -> None:
    """The service gets the chance to report that the time was up; without a limit there is none."""
    seconds = Attempts(30.0, 3.0).rpc_timeout()
    assert seconds is not None
    assert 3.0 < seconds <= 4.0
    assert Attempts(30.0, None).rpc_timeout() is None
