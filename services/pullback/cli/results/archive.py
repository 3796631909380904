"""Results in a file that is written as a whole: rows go to a journal beside it, and from there into the file.

Strategy: the file is made under another name and renamed, so that its name holds a whole file or none. The journal is
deleted after that. Killed in between, the next process finds both and makes the same file again. Where a finished file
is gone on with, what it holds is put into the journal first: the service may have forgotten it since.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, final

import typer

from pullback.cli.results.held import put_in_place
from pullback.cli.results.journal import Journal
from pullback.cli.results.plan import plan_of
from pullback.cli.results.record import known_in, newer, slot_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from pullback.cli.results.record import Record

#: Suffix of a file -> the module that writes and reads it.
LAYOUTS = {".npz": "npz", ".safetensors": "tensors", ".parquet": "parquet"}

# Rows of a finished file that are put into the journal at once.
_STEP = 256


@final
class ArchiveFile:
    """A file of arrays or a table, and its journal, held by this process.

    Attributes:
        known: the jobs that it has, or will have, a row of.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file, where there is one, and opens or makes its journal.

        Raises:
            typer.BadParameter: the file holds something else than results, or what reads it is not installed.
            OutputBusy: another process is writing it.
            OSError: it cannot be opened.
        """
        self._path = path
        self._layout = _layout(path)
        self._journal = Journal(path.with_name(f"{path.name}.journal"))
        try:
            finished = {slot_in(facts): known_in(facts) for facts in self._read(self._layout.read_facts)}
            self.known = finished | self._journal.known
        except BaseException:
            self._leave()
            raise

    def add(self, records: Iterable[Record]) -> int:
        """Appends the rows that are new, or of jobs created anew under their ids; gives how many.

        Raises:
            OSError: they cannot be written. None of them is there then.
        """
        new = newer(self.known, records)
        if new:
            self._journal.append(new.values())
            self.known |= {slot: record.known for slot, record in new.items()}
        return len(new)

    def finish(self) -> None:
        """Makes the file, unless it is there and nothing is new.

        Raises:
            OSError: it cannot be written. Journal and old file are as they were.
        """
        if self._is_there():
            if not self._journal.known:
                return
            self._carry_over()
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            self._layout.write(new, self._journal, plan_of(self._journal))
            put_in_place(new, self._path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        self._journal.discard()

    def close(self) -> None:
        """Lets file and journal go; a journal without rows is taken away."""
        self._leave()

    def _is_there(self) -> bool:
        # An empty file is a name that was reserved, as mktemp does.
        return self._path.exists() and self._path.stat().st_size > 0

    def _leave(self) -> None:
        if not self._journal.known and self._journal.path.exists():
            self._journal.discard()
        self._journal.close()

    def _read(self, reader: Callable[[Path], Iterator[Any]]) -> Iterator[Any]:
        if not self._is_there():
            return
        try:
            yield from reader(self._path)
        except Exception as error:  # each library has errors of its own for what it cannot read
            raise typer.BadParameter(
                f"{self._path}: these are no results of Pullback's ({error}); the file was left as it is. "
                "Give the name of another"
            ) from error

    def _carry_over(self) -> None:
        step: list[Record] = []
        for record in self._read(self._layout.read):
            if record.slot not in self._journal.known:
                step.append(record)
            if len(step) == _STEP:
                self._journal.append(step)
                step = []
        self._journal.append(step)


def _layout(path: Path) -> Any:
    try:
        return import_module(f"pullback.cli.results.{LAYOUTS[path.suffix]}")
    except ModuleNotFoundError as error:
        raise typer.BadParameter(
            f"{path}: {path.suffix} needs {error.name}: pip install 'pullback[files]'"
        ) from error
