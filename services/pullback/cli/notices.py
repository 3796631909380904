"""What the client warns of, as lines for the user."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds in which the same is said once: several calls of a command meet the same fault.
_ONCE = 10.0


class Notices(logging.Handler):
    """Writes warnings to standard error, away from what programs read."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Takes a clock: seconds that never go back."""
        super().__init__(logging.WARNING)
        self._clock = clock
        self._said: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a warning, unless one of the same kind about the same was written just now."""
        about = f"{record.msg} {record.args[0] if isinstance(record.args, tuple) and record.args else ''}"
        now = self._clock()
        if now - self._said.get(about, float("-inf")) < _ONCE:
            return
        self._said[about] = now
        typer.echo(f"pullback: {record.getMessage()}", err=True)


def show_warnings() -> None:
    """Has warnings of the client written for the user, and by nobody else."""
    logger = logging.getLogger("pullback.client")
    logger.addHandler(Notices())
    logger.propagate = False
