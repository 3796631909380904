"""How long and how often a client tries again. No I/O."""

from __future__ import annotations

import random
import time
from typing import final

from pullback.contract.errors import PullbackError, Unreachable

#: Seconds that a call may spend waiting between tries. A gateway is replaced in less.
DEFAULT_RETRY_FOR = 30.0

# Seconds before the first further try to reach the service, and the most before a later one; each doubles
# the last.
_FIRST_DELAY = 0.1
_LAST_DELAY = 2.0

# Seconds by which a call outlives the evaluation's own time limit, so that the service can answer for it.
_GRACE = 1.0


@final
class Backoff:
    """The delays between tries.

    An error that carries a delay of the service's is waited out for that long. While the service cannot be
    reached, delays double. All have jitter, lest the clients of a restarted service return in step.
    """

    def __init__(self, retry_for: float) -> None:
        self._retry_for = retry_for
        self.reset()

    def reset(self) -> None:
        """Begins anew, because the service answered."""
        self._waited = 0.0
        self._next = _FIRST_DELAY

    def delay(self, fault: PullbackError) -> float | None:
        """Gives the seconds to wait after `fault`; None where no other try is to be made."""
        if fault.retry_seconds is None or self._waited >= self._retry_for:
            return None
        if isinstance(fault, Unreachable):
            delay = self._next * random.uniform(0.5, 1.0)  # noqa: S311 - jitter needs no secrecy
            self._next = min(2 * self._next, _LAST_DELAY)
        else:
            delay = fault.retry_seconds * random.uniform(1.0, 1.25)  # noqa: S311 - jitter needs no secrecy
        self._waited += delay
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
