"""A flag that a process and its forked children share."""

from __future__ import annotations

import mmap


class StopFlag:
    """Set once by the main process, seen by every child that was forked after it was made.

    One byte of shared memory: setting it in a signal handler is safe, and reading it costs nothing.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, 1)

    def set(self) -> None:
        """Asks all children to come to an end."""
        self._page[0] = 1

    def __bool__(self) -> bool:
        """Tells whether it was set."""
        return self._page[0] == 1
