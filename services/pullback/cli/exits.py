"""What the command's exit status says."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.contract.errors import PullbackError

FAILED = 1
UNREACHED = 3

#: Results could not be written: the disk is full, or another process writes the file.
NOT_WRITTEN = 4

#: Added to the number of the signal that ended the command, as shells do: 130 for Ctrl-C.
SIGNALLED = 128

# What a write says where nobody reads the output any more, or its disk is full.
_OUTPUT_LOST = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO})


@contextmanager
def output_kept() -> Iterator[None]:
    """Ends the command with a message where its output cannot be written, and quietly where nobody reads it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OUTPUT_LOST:
            raise
        # Python writes the rest when it ends, which would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno != errno.EPIPE:
            typer.echo(f"pullback: the output cannot be written: {error.strerror}", err=True)
        sys.exit(FAILED)


@contextmanager
def faults_reported(program: str = "") -> Iterator[None]:
    """Turns our errors into a message and an exit status; others are bugs and keep their traceback.

    Args:
        program: as typed; a fault of what lies in a file is told with the file's name.
    """
    from pullback.contract.errors import PullbackError  # noqa: PLC0415 - keeps the command quick to start

    try:
        yield
    except PullbackError as fault:
        in_file = fault.field == "program" and program.startswith("@")
        typer.echo(f"pullback: {program[1:]}: {fault.message}" if in_file else f"pullback: {fault}", err=True)
        raise typer.Exit(status_of(fault)) from None


def status_of(fault: PullbackError) -> int:
    """Gives the exit status that an error ends a command with."""
    from google.rpc import code_pb2  # noqa: PLC0415 - keeps the command quick to start

    from pullback.contract.errors import TABLE  # noqa: PLC0415 - keeps the command quick to start

    return UNREACHED if TABLE[type(fault)].code == code_pb2.UNAVAILABLE else FAILED
