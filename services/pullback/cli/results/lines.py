"""Results as JSON Lines: a row is appended as its job finishes, in whatever order they do.

Strategy: the file is its own journal. A process that is killed leaves at most one line without an end, which the next
one cuts off. A further try at a row of a batch, or a job that was created anew under its id, gets a second line; the
first is taken out when the file is opened or finished, by writing it afresh beside it and renaming.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, final

import typer

from pullback.cli.results.held import open_held, put_in_place, write_all
from pullback.cli.results.record import known_in, line_of, newer, slot_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pullback.cli.results.record import Known, Record

# What each line begins with.
_BEGINNING = b'{"id": "'


@final
class LinesFile:
    """A file of JSON Lines, held by this process.

    Attributes:
        known: the jobs that it has a row of.
    """

    def __init__(self, path: Path) -> None:
        """Opens or makes the file.

        Raises:
            typer.BadParameter: it holds something else than results.
            OutputBusy: another process is writing it.
            OSError: it cannot be opened.
        """
        self.known: dict[str, Known] = {}
        self._path = path
        self._twice: set[str] = set()
        self._fd = open_held(path)
        try:
            self._recover()
        except BaseException:
            os.close(self._fd)
            raise

    def add(self, records: Iterable[Record]) -> int:
        """Appends the rows that the file does not have; gives how many.

        Raises:
            OSError: they cannot be written. None of them is there then.
        """
        new = newer(self.known, records)
        if not new:
            return 0
        write_all(self._fd, "".join(map(line_of, new.values())).encode())
        self._twice |= self.known.keys() & new.keys()
        self.known |= {slot: record.known for slot, record in new.items()}
        return len(new)

    def finish(self) -> None:
        """Takes out lines that later ones replaced."""
        self._compact()

    def close(self) -> None:
        """Writes to disk and lets the file go."""
        try:
            os.fsync(self._fd)
        finally:
            os.close(self._fd)

    def _recover(self) -> None:
        """Reads which jobs the file has, and cuts off a last line that was not finished."""
        end = 0
        for number, line in enumerate(self._read(), 1):
            if not line.endswith(b"\n"):
                self._check_torn(number, line)
                break
            slot, known = self._parse(number, line)
            if slot in self.known:
                self._twice.add(slot)
            self.known[slot] = known
            end += len(line)
        os.ftruncate(self._fd, end)
        self._compact()

    def _read(self) -> Iterator[bytes]:
        with open(os.dup(self._fd), "rb") as file:  # noqa: PTH123 - of a descriptor, not of a path
            file.seek(0)
            yield from file

    def _parse(self, number: int, line: bytes) -> tuple[str, Known]:
        try:
            row = json.loads(line)
            return slot_in(row), known_in(row)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._foreign(number) from error

    def _check_torn(self, number: int, line: bytes) -> None:
        # After a power cut, a file may end in zeros that were never written.
        written = line.rstrip(b"\0")
        if not (written.startswith(_BEGINNING) or _BEGINNING.startswith(written)):
            raise self._foreign(number)

    def _foreign(self, number: int) -> typer.BadParameter:
        return typer.BadParameter(
            f"{self._path}:{number}: this is no line of results; it was left as it is. Give the name of another file"
        )

    def _compact(self) -> None:
        if not self._twice:
            return
        last = {slot: number for number, slot, _ in self._rows() if slot in self._twice}
        new = self._path.with_name(f"{self._path.name}.new")
        fd = open_held(new)
        os.ftruncate(fd, 0)
        with open(os.dup(fd), "wb") as file:  # noqa: PTH123 - of a descriptor, not of a path
            for number, slot, line in self._rows():
                if last.get(slot, number) == number:
                    file.write(line)
        put_in_place(new, self._path)
        os.close(self._fd)
        self._fd = fd
        self._twice.clear()

    def _rows(self) -> Iterator[tuple[int, str, bytes]]:
        for number, line in enumerate(self._read(), 1):
            yield number, self._parse(number, line)[0], line
