"""Cells of a table to the tensors of an input, a piece at a time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.cli.batch.columns import Column, Listed, converted, literal_column, stacked
from pullback.cli.batch.faults import Fault, quoted
from pullback.cli.batch.literals import read_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_BOOLS = {"true": True, "false": False}

# Whole numbers from here on are not exact in float32, which numbers become by default.
_SUSPICIOUS = 2**24


class CellError(Exception):
    """Cells are wrong. `found` has the place in the piece and what is wrong of each."""

    def __init__(self, found: list[tuple[int, str]]) -> None:
        super().__init__()
        self.found = found

    def faults(self, file: str, lines: Sequence[int], column: str) -> list[Fault]:
        """Makes faults of them."""
        return [Fault(file, lines[place], column, message) for place, message in self.found]


def text_values(cells: Sequence[str], dtype: str | None) -> list[Any]:
    """Reads numbers, ``true``, ``false``, and lists as JSON writes them.

    Args:
        cells: as they stand in the file.
        dtype: the data type that they are to become, or None.

    Raises:
        CellError: cells are something else, or empty.
    """
    whole = dtype is not None and "int" in dtype
    read: Callable[[str], Any] = int if whole else float
    try:
        values = list(map(read, cells))
    except ValueError:
        return _each(cells, read, "a whole number" if whole else "a number")
    if not whole and values and max(map(abs, values)) > _SUSPICIOUS:
        return _each(cells, _with_whole_numbers, "a number")
    return values


def _with_whole_numbers(cell: str) -> int | float:
    try:
        return int(cell)
    except ValueError:
        return float(cell)


def _each(cells: Sequence[str], read: Callable[[str], Any], what: str) -> list[Any]:
    values: list[Any] = []
    wrong: list[tuple[int, str]] = []
    for place, cell in enumerate(cells):
        try:
            values.append(_one(cell.strip(), read))
        except ValueError:
            text = f"{quoted(cell)} is not {what}" if cell.strip() else "is empty; nan stands for no number"
            wrong.append((place, text))
    if wrong:
        raise CellError(wrong)
    return values


def _one(cell: str, read: Callable[[str], Any]) -> Any:
    try:
        return read(cell)
    except ValueError:
        word = cell.lower()
        if word in _BOOLS:
            return _BOOLS[word]
        if cell.startswith("["):
            return _list(cell)
        return read_number(cell)


def _list(cell: str) -> list[Any]:
    try:
        value = json.loads(cell)
        array = np.asarray(value)
    except (ValueError, RecursionError) as error:
        raise ValueError from error
    if array.dtype.kind not in "biuf":
        raise ValueError
    found: list[Any] = value
    return found


def kind_of(value: object) -> str:
    """Says what a value is, of which a column without a data type has one kind only."""
    while isinstance(value, list):
        value = value[0] if value else 0.0
    if isinstance(value, bool):
        return "true or false"
    return "complex" if isinstance(value, complex) else "numbers"


def text_column(values: list[Any], dtype: str | None, default: str) -> Column:
    """Makes a column of what was read.

    Raises:
        CellError: values cannot become the data type.
    """
    try:
        return literal_column(values, dtype, default)
    except ValueError:
        wrong = []
        for place, value in enumerate(values):
            try:
                literal_column([value], dtype, default)
            except ValueError as error:
                wrong.append((place, str(error)))
        raise CellError(wrong) from None


def arrow_column(array: Any, dtype: str | None) -> Column:
    """Makes a column of an array of pyarrow's: numbers, bools, or lists of them.

    Raises:
        CellError: a value is missing.
        ValueError: it holds something else.
    """
    if array.null_count:
        missing = [place for place, there in enumerate(array.is_valid().to_pylist()) if not there]
        raise CellError([(place, "is missing") for place in missing])
    if hasattr(array, "dictionary_decode"):
        array = array.dictionary_decode()
    if hasattr(array, "flatten") and hasattr(array.type, "value_type"):
        return _list_column(array, dtype)
    return stacked(converted(_numbers(array), dtype))


def _numbers(array: Any) -> NDArray[Any]:
    numbers: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"holds {array.type}, which is no number")
    return numbers


def _list_column(array: Any, dtype: str | None) -> Column:
    inner = array.type.value_type
    while hasattr(inner, "value_type"):
        inner = inner.value_type
    kind = np.dtype(inner.to_pandas_dtype())
    if kind.kind not in "biuf":
        raise ValueError(f"holds {array.type}, which are no numbers")
    rows, wrong = [], []
    for place, value in enumerate(array.to_pylist()):
        try:
            rows.append(np.array(value, kind))
        except (TypeError, ValueError):
            wrong.append((place, "has a missing number, or lists that are not of one length"))
    if wrong:
        raise CellError(wrong)
    if len({row.shape for row in rows}) == 1:
        return stacked(converted(np.stack(rows), dtype))
    return Listed([converted(row, dtype) for row in rows])
