"""Tables, read in pieces: some hundred rows are in memory at a time, however many the file has."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pullback.cli.batch.faults import BatchError, Fault
from pullback.cli.batch.files import load_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Rows that are read at once.
PIECE = 1_024

# Longest cell, in characters: a vector of some hundred thousand numbers.
_CELL = 16 << 20


@dataclass(frozen=True)
class Piece:
    """Some rows of a table.

    Attributes:
        cells: for each column that was asked for, a text for each row, or an array of pyarrow's.
        lines: the line of each row, or its number, from 1.
        faults: rows among these that have too few or too many cells; they are left out.
    """

    cells: dict[str, Any]
    lines: Sequence[int]
    faults: Sequence[Fault] = ()


class Table(Protocol):
    """A table that lies in a file.

    Attributes:
        columns: the names of its columns.
        typed: whether the numbers have data types of their own.
    """

    columns: list[str]
    typed: bool

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Reads the rows, in order.

        Raises:
            BatchError: the file is broken.
        """


def open_table(path: Path, name: str, delimiter: str | None) -> Table:
    """Opens a table and reads the names of its columns.

    Raises:
        ValueError: it cannot be read, or lacks names.
    """
    if path.suffix == ".parquet":
        if delimiter is not None:
            raise ValueError(f"{name}: a delimiter goes with .csv files")
        return ParquetTable(path, name)
    return TextTable(path, name, delimiter or ("\t" if path.suffix == ".tsv" else ","))


class TextTable:
    """A .csv or .tsv file, whose first line names the columns."""

    typed = False

    def __init__(self, path: Path, name: str, delimiter: str) -> None:
        self._path, self._name, self._delimiter = path, name, delimiter
        csv.field_size_limit(_CELL)
        try:
            self.columns = [column.strip() for column in next(self._rows(), (1, []))[1]]
        except BatchError as error:
            raise ValueError(str(error)) from error
        self._check_head()

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Reads the rows, in order.

        Raises:
            BatchError: the file is broken.
        """
        rows = self._rows()
        next(rows, None)
        places = [self.columns.index(column) for column in columns]
        while True:
            lines, kept, faults = self._some(rows)
            if not lines and not faults:
                return
            yield Piece(
                {self.columns[place]: [row[place] for row in kept] for place in places}, lines, faults
            )

    def _some(self, rows: Iterator[tuple[int, list[str]]]) -> tuple[list[int], list[list[str]], list[Fault]]:
        lines: list[int] = []
        kept: list[list[str]] = []
        faults: list[Fault] = []
        try:
            for line, row in rows:
                if len(row) == len(self.columns):
                    lines.append(line)
                    kept.append(row)
                elif row:  # an empty line is none
                    cells = "1 cell" if len(row) == 1 else f"{len(row)} cells"
                    message = f"has {cells}, but the first line names {len(self.columns)} columns"
                    faults.append(Fault(self._name, line, "", message))
                if len(kept) + len(faults) == PIECE:
                    break
        except BatchError as error:  # the rows before are not to be told for nothing
            faults += error.faults
        return lines, kept, faults

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """Gives each row with the line on which it begins."""
        line = 1
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.reader(file, delimiter=self._delimiter, strict=True)
                for row in reader:
                    yield line, row
                    line = reader.line_num + 1
        except UnicodeDecodeError as error:
            raise BatchError([Fault(self._name, None, "", "is not UTF-8 text")]) from error
        except csv.Error as error:
            message = f"is not CSV: {error}, in the row that begins here"
            raise BatchError([Fault(self._name, line, "", message)]) from error
        except OSError as error:
            raise BatchError([Fault(self._name, None, "", error.strerror or "cannot be read")]) from error

    def _check_head(self) -> None:
        if not any(self.columns):
            raise ValueError(f"{self._name} is empty; its first line has to name the columns")
        other = next((mark for mark in ";\t|" if mark in self.columns[0]), None)
        if len(self.columns) == 1 and other is not None:
            raise ValueError(
                f"{self._name} has {other!r} in its first line and no {self._delimiter!r}; to have it read "
                f"so, name it in a batch file: rows: {{file: {self._path.name}, delimiter: {json.dumps(other)}}}"
            )
        twice = {column for column in self.columns if self.columns.count(column) > 1}
        if twice:
            raise ValueError(f"{self._name} names the column {min(twice)!r} twice in its first line")
        if all(_is_number(column) for column in self.columns):
            raise ValueError(f"{self._name} has numbers in its first line, which has to name the columns")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class ParquetTable:
    """A .parquet file."""

    typed = True

    def __init__(self, path: Path, name: str) -> None:
        arrow = load_module("pyarrow", ".parquet")
        self._fault: type[Exception] = arrow.ArrowException
        self._name = name
        try:
            self._file = load_module("pyarrow.parquet", ".parquet").ParquetFile(path)
        except (self._fault, OSError) as error:
            raise ValueError(f"{name} cannot be read as Parquet: {error}") from error
        self.columns = list(self._file.schema_arrow.names)

    def pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        """Reads the rows, in order.

        Raises:
            BatchError: the file is broken.
        """
        first = 1
        try:
            for batch in self._file.iter_batches(PIECE, columns=list(columns)):
                count = batch.num_rows
                yield Piece({column: batch.column(column) for column in columns}, range(first, first + count))
                first += count
        except (self._fault, OSError) as error:
            raise BatchError([Fault(self._name, None, "", f"cannot be read as Parquet: {error}")]) from error
