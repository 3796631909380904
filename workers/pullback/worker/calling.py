"""Whether a drain waits at its lane for the next call, though there is other work."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# How long the next call may take to come, in ms: one caller after another is served as quickly as ever then.
ON_CALL_MS = 5

# So many looks at the lane have to find something, before a drain waits for more. One that comes by now and then may
# find what another one, which waits there already, is about to take: one that waits is enough.
ENOUGH = 3

# For so long a drain waits for calls, in seconds, until it has to find them again: where two do, one of them leaves.
TERM_SECONDS = 3.0


class OnCall:
    """What one drain's looks at its lane found."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begins with nothing found.

        Args:
            now: a clock that only goes forward, in seconds.
        """
        self._now = now
        # Looks that found something since two after one another found nothing; and whether the last one did not.
        self._found = 0
        self._is_miss = False
        self._until = 0.0

    def wait_ms(self, *, found: bool) -> int:
        """Says how long the next look is to wait, in ms, where there is other work; 0 for not at all.

        Args:
            found: whether the look before found anything.
        """
        if found:
            self._found += 1
            if self._found == ENOUGH:
                self._until = self._now() + TERM_SECONDS
        elif self._is_miss:
            # The first miss says little: a caller needs a moment to send the next one.
            self._found = 0
        self._is_miss = not found
        if self._found < ENOUGH:
            return 0
        if self._now() >= self._until:
            self._found = 0
            return 0
        return ON_CALL_MS
