"""Arrays in each of their spellings, to tensors that are bound whole or to columns that are taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.cli.batch import model
from pullback.cli.batch.cells import CellError, arrow_column, kind_of, text_values
from pullback.cli.batch.columns import (
    Column,
    Listed,
    Mapped,
    Packed,
    literal_column,
    literal_tensor,
    stacked,
)
from pullback.cli.batch.faults import BatchError
from pullback.cli.batch.files import ARCHIVES, TABLES, Files, as_tensor, read_array
from pullback.cli.batch.tables import open_table
from pullback.contract.tensors import decode

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pullback.v1.tensor_pb2 import Tensor

#: What numbers become for which no data type is asked.
DEFAULT_DTYPE = "float32"

# Most numbers that one range, linspace or the like makes.
_MOST = 100_000_000


@dataclass(frozen=True)
class Typing:
    """Which data types are asked for.

    Attributes:
        default: of numbers that have none of their own.
        by_name: of inputs, wherever their numbers come from.
    """

    default: str = DEFAULT_DTYPE
    by_name: tuple[tuple[str, str], ...] = ()

    def of(self, name: str) -> str | None:
        """Gives the data type that is asked for an input."""
        return dict(self.by_name).get(name)


def whole_array(spec: Any, name: str, typing: Typing, files: Files) -> Tensor:
    """Makes the tensor of an array that is bound as it is.

    Args:
        spec: the array, in one of the spellings of `model.Array`.
        name: the input's.
        typing: the data types.
        files: where files are.

    Raises:
        ValueError: it cannot be made.
        BatchError: a table that it is a column of is wrong.
    """
    dtype = _dtype(spec, name, typing)
    if isinstance(spec, model.FileArray):
        if _is_table(spec, files):
            return _joined(_table_column(spec, dtype, typing.default, files))
        return as_tensor(_array(spec, files), dtype)
    return literal_tensor(_literal(spec), dtype, typing.default)


def swept_array(spec: Any, name: str, typing: Typing, files: Files) -> Column:
    """Makes the column of an array whose first axis is taken apart.

    Raises:
        ValueError: it cannot be made, or has no first axis.
        BatchError: a table that it is a column of is wrong.
    """
    dtype = _dtype(spec, name, typing)
    if isinstance(spec, model.FileArray):
        if _is_table(spec, files):
            return _table_column(spec, dtype, typing.default, files)
        array = _array(spec, files)
        if isinstance(array, np.memmap) and dtype is None and array.ndim and len(array):
            return Mapped.of(array)
        return stacked(as_tensor(array, dtype))
    return literal_column(_literal(spec), dtype, typing.default)


def _dtype(spec: Any, name: str, typing: Typing) -> str | None:
    own = spec.dtype if isinstance(spec, model.Typed) else None
    return own or typing.of(name)


def _literal(spec: Any) -> Any:
    if isinstance(spec, model.ValueArray):
        return spec.value
    if isinstance(spec, model.Linspace):
        return _finite(np.linspace(*spec.linspace))
    if isinstance(spec, model.Geomspace):
        return _geomspace(*spec.geomspace)
    if isinstance(spec, model.Logspace):
        with np.errstate(over="ignore"):
            return _finite(np.logspace(*spec.logspace))
    if isinstance(spec, model.Range):
        return _range(spec.range)
    return spec


def _finite(array: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(array).all():
        raise ValueError("has ends between which there are infinite numbers")
    return array


def _geomspace(first: float, last: float, count: int) -> NDArray[Any]:
    if not first * last > 0:
        raise ValueError(f"goes from {first} to {last}; both ends have to be above 0, or both below")
    return _finite(np.geomspace(first, last, count))


def _range(bounds: list[int | float]) -> NDArray[Any]:
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    if step == 0 or not all(map(isfinite, (start, stop, step))):
        raise ValueError(f"{bounds} has a step of 0, or a number that is not finite")
    count = ceil((stop - start) / step)
    if count <= 0:
        raise ValueError(f"{bounds} has no number in it")
    if count > _MOST:
        raise ValueError(f"{bounds} has {count:,} numbers, more than {_MOST:,}")
    # Each is made of the ends, not of the one before, so that no error adds up.
    return start + np.arange(count) * step


def _is_table(spec: model.FileArray, files: Files) -> bool:
    path = files.path(spec.file)
    if path.suffix in TABLES:
        if spec.key is not None:
            raise ValueError(f"{spec.file} is a table; a key goes with {', '.join(sorted(ARCHIVES))}")
        return True
    if spec.column is not None or spec.delimiter is not None:
        raise ValueError(f"{spec.file} is no table; column and delimiter go with {', '.join(sorted(TABLES))}")
    if path.suffix not in ARCHIVES and path.suffix != ".npy":
        known = ", ".join([".npy", *sorted(ARCHIVES), *sorted(TABLES)])
        raise ValueError(f"{spec.file} is of no known kind; known are {known}")
    return False


def _array(spec: model.FileArray, files: Files) -> NDArray[Any] | Tensor:
    return read_array(files.path(spec.file), spec.file, spec.key)


def _table_column(spec: model.FileArray, dtype: str | None, default: str, files: Files) -> Column:
    """Reads a column as a whole."""
    table = open_table(files.path(spec.file), spec.file, spec.delimiter)
    column = _chosen(table.columns, spec)
    values: list[Any] = []
    parts: list[Column] = []
    for piece in table.pieces([column]):
        if piece.faults:
            raise BatchError(piece.faults)
        try:
            if table.typed:
                parts.append(arrow_column(piece.cells[column], dtype))
            else:
                values += text_values(piece.cells[column], dtype)
        except CellError as error:
            raise BatchError(error.faults(spec.file, piece.lines, column)) from None
        except ValueError as error:
            raise ValueError(f"{spec.file}: column {column!r} {error}") from error
    if not parts and not values:
        raise ValueError(f"{spec.file} has no rows")
    if table.typed:
        return _concatenated(parts)
    kinds = {kind_of(value) for value in values}
    if len(kinds) > 1 and dtype is None:
        raise ValueError(f"{spec.file}: column {column!r} mixes {' and '.join(sorted(kinds))}; give a dtype")
    return literal_column(values, dtype, default)


def _chosen(columns: list[str], spec: model.FileArray) -> str:
    if spec.column is None and len(columns) == 1:
        return columns[0]
    if spec.column is None or spec.column not in columns:
        wanted = "several columns; name one" if spec.column is None else f"no column {spec.column!r}"
        raise ValueError(f"{spec.file} has {wanted}; it has {', '.join(columns[:20])}")
    return spec.column


def _concatenated(parts: list[Column]) -> Column:
    if all(isinstance(part, Packed) for part in parts):
        tensors = [part.whole for part in parts if isinstance(part, Packed)]
        if len({(one.dtype, tuple(one.shape[1:])) for one in tensors}) == 1:
            return stacked(as_tensor(np.concatenate([decode(one) for one in tensors]), None))
    return Listed([part.get(place) for part in parts for place in range(len(part))])


def _joined(column: Column) -> Tensor:
    if isinstance(column, Packed):
        return column.whole
    raise ValueError("has vectors that are not of one length, which are no tensor")
