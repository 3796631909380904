"""What evaluators write to their standard error: passed on to the template's own, and the last of it kept.

An evaluator may write to no file, and the worker's log may be one. So it gets a pipe. Native code says only there what
it died of.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress

# What is kept of the end, in bytes: some lines.
LAST_BYTES = 2_000

# Read at once, in bytes: what a pipe takes whole where it says that it has room at all (PIPE_BUF).
_PIECE_BYTES = 4_096

_STDERR = 2


class Pipe:
    """One evaluator's standard error, from the template's side and, after the fork, from its own."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        # Who does not read must not stop an evaluator: what does not fit is lost.
        os.set_blocking(self._writing, False)
        #: The last of what was written.
        self.last_words = b""

    def fileno(self) -> int:
        """The descriptor to read from."""
        return self._reading

    def become_stderr(self) -> None:
        """In the evaluator: makes this its standard error."""
        os.dup2(self._writing, _STDERR)

    def keep_reading_end(self) -> None:
        """In the template: leaves the writing to the evaluator."""
        os.close(self._writing)

    def relay(self) -> bool:
        """Passes on what is there. Never waits.

        Returns:
            Whether more may come.
        """
        while True:
            try:
                piece = os.read(self._reading, _PIECE_BYTES)
            except BlockingIOError:
                return True
            if not piece:
                return False
            self.last_words = (self.last_words + piece)[-LAST_BYTES:]
            _pass_on(piece)

    def close(self) -> None:
        """Frees the reading end."""
        os.close(self._reading)


def _pass_on(piece: bytes) -> None:
    poll = select.poll()
    poll.register(_STDERR, select.POLLOUT)
    # The template waits for nobody: where the worker's log takes nothing, this is left out of it.
    if poll.poll(0):
        with suppress(OSError):
            os.write(_STDERR, piece)
