"""What a client tells its user of its own accord, by the logger `pullback.client`."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds in which the same is said once: a thousand calls that are under way meet the same fault.
_ONCE = 10.0


class Seldom(logging.Filter):
    """Lets a warning pass unless one about the same was just given."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes a clock: seconds that never go back."""
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}
        # Loggers ask their filters from any thread.
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Tells whether to say it; what its first argument names is what it is about."""
        about = f"{record.msg} {record.args[0] if isinstance(record.args, tuple) and record.args else ''}"
        now = self._clock()
        with self._lock:
            self._said = {key: said for key, said in self._said.items() if now - said < _ONCE}
            if about in self._said:
                return False
            self._said[about] = now
            return True


LOG = logging.getLogger("pullback.client")
LOG.addFilter(Seldom())
