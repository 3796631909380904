"""A table as an axis: each of its rows is an item."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pullback.cli.batch.axes import Stretch
from pullback.cli.batch.cells import CellError, arrow_column, kind_of, text_column, text_values
from pullback.cli.batch.columns import Column, converted, stacked
from pullback.cli.batch.faults import BatchError, Fault, Faults
from pullback.cli.batch.tables import open_table
from pullback.contract.tensors import decode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pullback.cli.batch.arrays import Typing
    from pullback.cli.batch.files import Files
    from pullback.cli.batch.model import Rows
    from pullback.cli.batch.tables import Piece, Table


_ADVICE = "say under rows.columns which are inputs"


@final
@dataclass
class RowsAxis:
    """The rows of a table, read a piece at a time.

    Attributes:
        rows: what the batch file says of the table.
        inputs: for each input the columns that it is made of; more than one make a vector.
        texts: the columns that labels take their text from.
        typing: the data types.
        files: where files are.
        size: the rows that were counted when it was last read to the end; None before.
    """

    rows: Rows
    inputs: Mapping[str, Sequence[str]]
    texts: Sequence[str]
    typing: Typing
    files: Files
    size: int | None = None
    _hopeless: set[str] = field(default_factory=set)

    def stretches(self) -> Iterator[Stretch]:
        """Reads the rows.

        Raises:
            BatchError: cells are wrong, or there are no rows.
        """
        name = self.rows.file
        table = open_table(self.files.path(name), name, self.rows.delimiter)
        wanted = list(
            dict.fromkeys([*(column for group in self.inputs.values() for column in group), *self.texts])
        )
        faults, size = Faults(), 0
        kinds: dict[str, tuple[str, int]] = {}
        self._hopeless.clear()
        for piece in _read(table, wanted, faults):
            size += len(piece.lines)
            columns = {
                target: column
                for target, group in self.inputs.items()
                if (column := self._column(target, group, piece, kinds, faults, typed=table.typed))
                is not None
            }
            if not faults:
                texts = {column: _texts(piece.cells[column], typed=table.typed) for column in self.texts}
                yield Stretch(columns, len(piece.lines), texts, name, list(piece.lines))
        faults.raise_any()
        if not size:
            raise BatchError([Fault(name, None, "", "has no rows")])
        self.size = size

    def about(self) -> str:
        """Describes the axis in a line."""
        names = ", ".join(self.inputs)
        return f"rows: {self.size or 0:,} of {names} from {self.rows.file}"

    def _column(
        self,
        target: str,
        group: Sequence[str],
        piece: Piece,
        kinds: dict[str, tuple[str, int]],
        faults: Faults,
        *,
        typed: bool,
    ) -> Column | None:
        dtype = self.typing.of(target)
        parts: list[Any] = []
        for column in group:
            if column in self._hopeless:
                continue
            try:
                cells = piece.cells[column]
                if typed:
                    parts.append(arrow_column(cells, dtype))
                    continue
                values = text_values(cells, dtype)
                if dtype is None:
                    _check_kinds(column, values, piece, kinds)
                parts.append(text_column(values, dtype, self.typing.default) if len(group) == 1 else values)
            except CellError as error:
                self._add(error, piece, column, faults)
            except ValueError as error:
                self._hopeless.add(column)
                faults.add(Fault(self.rows.file, None, column, f"{error}; {_ADVICE}"))
        if len(parts) < len(group):
            return None
        return parts[0] if len(parts) == 1 else self._vector(target, parts, piece, faults, typed=typed)

    def _add(self, error: CellError, piece: Piece, column: str, faults: Faults) -> None:
        """Adds the faults of cells; one for all where a column has nothing else."""
        found = error.faults(self.rows.file, piece.lines, column)
        if len(found) == len(piece.lines) > 1:
            self._hopeless.add(column)
            message = f"{found[0].message}; so is each of this column; {_ADVICE}"
            found = [found[0]._replace(message=message)]
        for fault in found:
            faults.add(fault)

    def _vector(
        self, target: str, parts: list[Any], piece: Piece, faults: Faults, *, typed: bool
    ) -> Column | None:
        """Makes a vector of the cells of several columns in each row."""
        dtype = self.typing.of(target)
        try:
            if typed:
                return stacked(converted(np.stack([decode(part.whole) for part in parts], axis=1), dtype))
            return text_column([list(row) for row in zip(*parts, strict=True)], dtype, self.typing.default)
        except CellError as error:
            for fault in error.faults(self.rows.file, piece.lines, target):
                faults.add(fault)
        except (ValueError, AttributeError):
            faults.add(Fault(self.rows.file, None, target, "its columns do not make a vector"))
        return None


def _read(table: Table, wanted: Sequence[str], faults: Faults) -> Iterator[Piece]:
    """Reads pieces with rows; adds what is wrong with others, and with the file."""
    try:
        for piece in table.pieces(wanted):
            for fault in piece.faults:
                faults.add(fault)
            if piece.lines:
                yield piece
    except BatchError as error:
        faults.take(error)


def _check_kinds(column: str, values: list[Any], piece: Piece, kinds: dict[str, tuple[str, int]]) -> None:
    """Finds cells of another kind than the column's first."""
    first, line = kinds.setdefault(column, (kind_of(values[0]), piece.lines[0]))
    wrong = [
        (place, f"is {kind}, but line {line} has {first}; give a dtype")
        for place, value in enumerate(values)
        # The first condition alone decides for nearly every cell of a big table.
        if not (type(value) is float and first == "numbers") and (kind := kind_of(value)) != first
    ]
    if wrong:
        raise CellError(wrong)


def _texts(cells: Any, *, typed: bool) -> list[str]:
    return [str(cell) for cell in cells.to_pylist()] if typed else [cell.strip() for cell in cells]
