"""How long and how often a client tries again. No I/O.

Strategy: tenacity has the policy, and is asked after each fault what to do. It does not make the calls: so one policy
serves blocking code, asyncio and streams, and a call that succeeds pays nothing for it.
"""

from __future__ import annotations

import random
import time
from typing import final

from tenacity import RetryCallState, Retrying
from tenacity.retry import retry_if_exception
from tenacity.stop import stop_base
from tenacity.wait import wait_base, wait_exponential

from pullback.client.telling import LOG
from pullback.contract.errors import Overloaded, PullbackError, Unreachable

#: Seconds that a call may spend waiting between tries. A gateway is replaced in less.
DEFAULT_RETRY_FOR = 30.0

# Seconds before the first further try to reach the service, and the most before a later one; each doubles
# the last.
_FIRST_DELAY = 0.1
_LAST_DELAY = 2.0

# Seconds of waiting after which the user is told what is waited for.
_UNTOLD = 2.0

# Seconds by which a call outlives the evaluation's own time limit, so that the service can answer for it.
_GRACE = 1.0


def may_help(fault: BaseException) -> bool:
    """Tells whether trying again can help: the service is full, on its way out, or cannot be reached."""
    return isinstance(fault, PullbackError) and fault.retry_seconds is not None


@final
class _Wait(wait_base):
    """Waits as long as the service asks, and longer and longer while it cannot be reached.

    Both with jitter, lest the clients of a restarted service return in step.
    """

    def __init__(self) -> None:
        self._search = wait_exponential(multiplier=_FIRST_DELAY, max=_LAST_DELAY)

    def __call__(self, retry_state: RetryCallState) -> float:
        fault = retry_state.outcome and retry_state.outcome.exception()
        if not isinstance(fault, PullbackError) or fault.retry_seconds is None:
            return 0.0
        if isinstance(fault, Unreachable):
            return self._search(retry_state) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
        return fault.retry_seconds * random.uniform(1.0, 1.25)  # noqa: S311 - jitter needs no secrecy


@final
class _StopWhenWaited(stop_base):
    """Stops when so many seconds were spent waiting; those that calls took do not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __call__(self, retry_state: RetryCallState) -> bool:
        return retry_state.idle_for >= self._seconds


@final
class Backoff:
    """The delays between tries.

    An error that carries a delay of the service's is waited out for that long. While the service cannot be
    reached, delays double; where that lasts, a warning of the logger `pullback.client` says so, once.
    """

    def __init__(self, retry_for: float) -> None:
        self._retry_for = retry_for
        self._state: RetryCallState | None = None
        self._told = False

    def reset(self) -> None:
        """Begins anew, because the service answered."""
        self._state = None
        self._told = False

    def delay(self, fault: PullbackError) -> float | None:
        """Gives the seconds to wait after `fault`; None where no other try is to be made."""
        if self._state is None:
            stop = _StopWhenWaited(self._retry_for)
            policy = Retrying(retry=retry_if_exception(may_help), wait=_Wait(), stop=stop)
            self._state = RetryCallState(policy, fn=None, args=(), kwargs={})
        state, judge = self._state, self._state.retry_object
        state.set_exception((type(fault), fault, None))
        if not judge.retry(state) or judge.stop(state):
            return None
        delay = judge.wait(state)
        state.idle_for += delay
        self._tell(fault, self._retry_for - state.idle_for)
        state.prepare_for_next_attempt()
        return delay

    def _tell(self, fault: PullbackError, left: float) -> None:
        """Warns once. A full service is not worth a word: whoever brings much work waits for room now and then."""
        waited = self._retry_for - left
        if waited < _UNTOLD or left <= 0 or self._told or isinstance(fault, Overloaded):
            return
        self._told = True
        LOG.warning("%s; trying for another %.0f s", fault, left)

    def delay_or_raise(self, fault: PullbackError) -> float:
        """Gives the seconds to wait after `fault`. Raises it where no other try is to be made."""
        delay = self.delay(fault)
        if delay is None:
            raise fault
        return delay


@final
class Attempts:
    """The tries of one call, within its time limit."""

    def __init__(self, retry_for: float, timeout: float | None) -> None:
        self._backoff = Backoff(retry_for)
        self._deadline = None if timeout is None else time.monotonic() + timeout

    def rpc_timeout(self) -> float | None:
        """Gives the seconds that the next try may take."""
        if self._deadline is None:
            return None
        return max(0.0, self._deadline - time.monotonic()) + _GRACE

    def delay(self, fault: PullbackError) -> float:
        """Gives the seconds to wait after `fault`. Raises it where no other try is to be made."""
        delay = self._backoff.delay(fault)
        if delay is None or (self._deadline is not None and time.monotonic() + delay >= self._deadline):
            raise fault
        return delay
