"""What the command's exit status says."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.contract.errors import PullbackError

FAILED = 1
UNREACHED = 3


@contextmanager
def faults_reported() -> Iterator[None]:
    """Turns our errors into a message and an exit status; others are bugs and keep their traceback."""
    from pullback.contract.errors import PullbackError  # noqa: PLC0415 - keeps the command quick to start

    try:
        yield
    except PullbackError as fault:
        typer.echo(f"pullback: {fault}", err=True)
        raise typer.Exit(_status(fault)) from None


def _status(fault: PullbackError) -> int:
    from google.rpc import code_pb2  # noqa: PLC0415 - keeps the command quick to start

    from pullback.contract.errors import TABLE  # noqa: PLC0415 - keeps the command quick to start

    return UNREACHED if TABLE[type(fault)].code == code_pb2.UNAVAILABLE else FAILED
