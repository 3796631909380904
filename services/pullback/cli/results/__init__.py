"""Result files that a collection can be broken off from and gone on with: no row twice, and none missing.

A row is of a job in a terminal state. Each kind of file takes rows in any order and any number of times, and holds one
for a job, or for a row of a batch that was tried more than once: that of the job which was created last.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import typer

from pullback.cli.results.archive import LAYOUTS, ArchiveFile
from pullback.cli.results.held import OutputBusy
from pullback.cli.results.lines import LinesFile
from pullback.cli.results.printed import PrintedLines
from pullback.cli.results.record import (
    BATCH_LABEL,
    TERMINAL,
    Known,
    Record,
    batch_job_id,
    error_of,
    index_of,
    line_of,
    record_of,
    short_id,
    slot_of,
    tries_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "BATCH_LABEL",
    "TERMINAL",
    "Known",
    "OutputBusy",
    "Record",
    "ResultFile",
    "batch_job_id",
    "error_of",
    "index_of",
    "line_of",
    "open_results",
    "record_of",
    "short_id",
    "slot_of",
    "tries_of",
]

LINES = (".jsonl", ".ndjson")


class ResultFile(Protocol):
    """A file that rows are put into."""

    known: dict[str, Known]

    def add(self, records: Iterable[Record]) -> int:
        """Takes the rows that are new; gives how many. Once it returns, a kill of the process loses none of them."""

    def finish(self) -> None:
        """Makes the file what its readers expect. More rows may follow."""

    def close(self) -> None:
        """Lets the file go. Without `finish`, the next process goes on."""


def open_results(name: str) -> ResultFile:
    """Opens a result file for going on with, or makes it; ``-`` is standard output.

    Raises:
        typer.BadParameter: its suffix is of no known kind, or it holds something else than results.
        OutputBusy: another process is writing it.
        OSError: it cannot be opened.
    """
    if name == "-":
        return PrintedLines()
    path = Path(name)
    if path.suffix in LINES:
        return LinesFile(path)
    if path.suffix in LAYOUTS:
        return ArchiveFile(path)
    raise typer.BadParameter(
        f"{name}: results are written to {', '.join([*LINES, *LAYOUTS])} or - for lines on standard output"
    )
