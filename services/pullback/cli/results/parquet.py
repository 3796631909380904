"""Results as Parquet: a row for each job, a column for each fact and each tensor.

A name that is a number in every job is a column of numbers. A tensor that has axes is a column of lists, in row-major
order, with its sizes in the column `NAME.shape`. What Parquet has no numbers for (bfloat16, complex) and what has not
the same data type in every job is a column of structures of data type, shape and bytes.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet as pq

from pullback.cli.results.plan import rows_of
from pullback.cli.results.record import KINDS, SELDOM, Piece, Record, read_moment
from pullback.contract.tensors import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pullback.cli.results.journal import Journal, Row
    from pullback.cli.results.plan import Column, Plan

# Rows, and bytes of tensors, after which a group of rows is written.
_GROUP_ROWS = 8_192
_GROUP_BYTES = 64 << 20

_TIME = pa.timestamp("ms", tz="UTC")
_WORDS = pa.map_(pa.string(), pa.string())
_ERROR = pa.struct([(key, pa.string()) for key in ("status", "reason", "field", "message")])
_TENSOR = pa.struct([("dtype", pa.string()), ("shape", pa.list_(pa.int64())), ("data", pa.binary())])

_BEFORE: dict[str, Any] = {
    "id": pa.string(), "index": pa.int64(), "state": pa.string(), "labels": _WORDS, "error": _ERROR,
}  # fmt: skip
_AFTER: dict[str, Any] = {
    "absent_gradients": _WORDS, "printed": pa.string(), **dict.fromkeys(SELDOM, pa.string()), "device": pa.string(),
    "worker": pa.string(), "engine": pa.string(), "attempts": pa.int32(), "created": _TIME, "started": _TIME,
    "finished": _TIME, "reuse": pa.string(), "reused_from": pa.string(),
}  # fmt: skip
_FORMAT = {b"pullback": b"results-1"}


def write(path: Path, journal: Journal, plan: Plan) -> None:
    """Writes the file."""
    columns = list(plan.columns.values())
    schema = pa.schema(
        [*_BEFORE.items(), *(field for column in columns for field in _fields(column)), *_AFTER.items()],
        metadata=_FORMAT,
    )
    with pq.ParquetWriter(path, schema) as writer:
        for group in _groups(journal, plan):
            arrays = [
                *(_facts(group, key, kind) for key, kind in _BEFORE.items()),
                *(array for column in columns for array in _tensors(journal, group, column)),
                *(_facts(group, key, kind) for key, kind in _AFTER.items()),
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _groups(journal: Journal, plan: Plan) -> Iterator[list[Row]]:
    group, size = [], 0
    for row in rows_of(journal, plan):
        group.append(row)
        size += sum(tensor.size for tensor in row.tensors)
        if len(group) == _GROUP_ROWS or size >= _GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _plain(column: Column) -> bool:
    return column.one_dtype and column.dtype != "bfloat16" and not column.dtype.startswith("complex")


def _scalar(column: Column) -> bool:
    return column.one_shape and column.shape == ()


def _name(column: Column) -> str:
    return f"{column.kind}.{column.name}"


def _fields(column: Column) -> list[tuple[str, Any]]:
    name = _name(column)
    if not _plain(column):
        return [(name, _TENSOR)]
    kind = pa.from_numpy_dtype(BY_NAME[column.dtype].numpy)
    if _scalar(column):
        return [(name, kind)]
    return [(name, pa.list_(kind)), (f"{name}.shape", pa.list_(pa.int64()))]


def _facts(group: list[Row], key: str, kind: Any) -> Any:
    found = [row.facts[key] for row in group]
    if kind == _TIME:
        found = [value and read_moment(value) for value in found]
    elif kind == _WORDS:
        found = [list(value.items()) for value in found]
    elif key in SELDOM:
        found = [None if value is None else json.dumps(value, ensure_ascii=False) for value in found]
    return pa.array(found, kind)


def _tensors(journal: Journal, group: list[Row], column: Column) -> Iterator[Any]:
    placed = [
        next((t for t in row.tensors if (t.kind, t.name) == (column.kind, column.name)), None)
        for row in group
    ]
    data = [b"" if tensor is None else journal.read(tensor) for tensor in placed]
    missing = np.array([tensor is None for tensor in placed])
    shapes = pa.array([tensor and tensor.shape for tensor in placed], pa.list_(pa.int64()))
    if not _plain(column):
        dtypes = pa.array([tensor and tensor.dtype for tensor in placed], pa.string())
        parts = [dtypes, shapes, pa.array(data, pa.binary())]
        yield pa.StructArray.from_arrays(parts, fields=list(_TENSOR), mask=pa.array(missing))
        return
    numpy = BY_NAME[column.dtype].numpy
    if _scalar(column):
        zero = bytes(numpy.itemsize)
        numbers = np.frombuffer(b"".join(item or zero for item in data), numpy)
        yield pa.array(numbers, mask=missing)
        return
    ends = np.cumsum([0, *(len(item) // numpy.itemsize for item in data)], dtype=np.int32)
    numbers = pa.array(np.frombuffer(b"".join(data), numpy))
    yield pa.ListArray.from_arrays(pa.array(ends), numbers, mask=pa.array(missing))
    yield shapes


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """Gives what there is to know of the rows of a file that `write` wrote: id, labels, state and creation.

    Raises:
        ValueError: it is another file.
    """
    with pq.ParquetFile(path) as file:
        _check(file.schema_arrow)
        for batch in file.iter_batches(batch_size=_GROUP_ROWS, columns=["id", "labels", "state", "created"]):
            for row in batch.to_pylist():
                yield {key: _fact(key, value) for key, value in row.items()}


def read(path: Path) -> Iterator[Record]:
    """Gives the rows of a file that `write` wrote.

    Raises:
        ValueError: it is another file.
    """
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        _check(schema)
        names = [name for name in schema.names if name.startswith(KINDS) and not name.endswith(".shape")]
        for batch in file.iter_batches(batch_size=_GROUP_ROWS):
            columns = {name: batch.column(name) for name in schema.names}
            for place in range(batch.num_rows):
                pieces = (_piece(columns, name, place) for name in names)
                facts = {key: _fact(key, columns[key][place].as_py()) for key in (*_BEFORE, *_AFTER)}
                yield Record(facts, tuple(piece for piece in pieces if piece is not None))


def _check(schema: Any) -> None:
    if not (schema.metadata or {}).items() >= _FORMAT.items():
        raise ValueError("it holds another table than results")


def _fact(key: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if key in {"labels", "absent_gradients"}:
        return dict(value)
    return json.loads(value) if key in SELDOM and value is not None else value


def _piece(columns: dict[str, Any], key: str, place: int) -> Piece | None:
    column, (kind, _, name) = columns[key], key.partition(".")
    if not column[place].is_valid:
        return None
    if column.type == _TENSOR:
        found = column[place].as_py()
        return Piece(kind, name, found["dtype"], tuple(found["shape"]), found["data"])  # type: ignore[arg-type]
    shape = columns[f"{key}.shape"][place].as_py() if f"{key}.shape" in columns else ()
    numbers = column[place].values if f"{key}.shape" in columns else column.slice(place, 1)
    array = numbers.to_numpy(zero_copy_only=False)
    (dtype,) = (row.name for row in BY_NAME.values() if row.numpy == array.dtype and row.name != "bfloat16")
    return Piece(kind, name, dtype, tuple(shape), array.tobytes())  # type: ignore[arg-type]
