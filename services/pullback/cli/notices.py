"""What the client warns of, as lines for the user."""

from __future__ import annotations

import logging

import typer


class Notices(logging.Handler):
    """Writes warnings to standard error, away from what programs read."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a warning."""
        typer.echo(f"pullback: {record.getMessage()}", err=True)


def show_warnings() -> None:
    """Has warnings of the client written for the user, and by nobody else."""
    logger = logging.getLogger("pullback.client")
    logger.addHandler(Notices())
    logger.propagate = False
