"""Results as safetensors, written and read tensor by tensor.

The library takes all tensors in memory at once to write a file, and results are as many as a batch has; the format is a
head and bytes, so it is written here, and read by the library in the tests. It has no complex128: such tensors get a
last axis of two, the real and the imaginary part.
"""

from __future__ import annotations

import json
import struct
from io import BytesIO
from math import prod
from typing import IO, TYPE_CHECKING, Any

from pullback.cli.results.plan import INDEX, JOBS, job_line, key_of, read_job_line, rows_of, tensors_of
from pullback.cli.results.record import Piece, Record
from pullback.contract.tensors import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pullback.cli.results.journal import Journal
    from pullback.cli.results.plan import Plan

_FORMAT = "pullback-results-1"
_LENGTH = struct.Struct("<Q")

# Longest head that readers take, in bytes.
_MAX_HEAD = 100_000_000

_CODES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64", "float16": "F16",
    "bfloat16": "BF16", "float32": "F32", "float64": "F64", "complex64": "C64", "complex128": "F64",
}  # fmt: skip


class TooManyTensors(Exception):
    """The head of the file would be longer than its readers take."""


def write(path: Path, journal: Journal, plan: Plan) -> None:
    """Writes the file.

    Raises:
        TooManyTensors: there are too many tensors of their own for one file.
    """
    with path.open("wb") as file:
        _write_head(file, journal, plan)
        if plan.indices is not None:
            file.write(struct.pack(f"<{len(plan.indices)}q", *plan.indices))
        for column in plan.columns.values():
            for _, tensor in tensors_of(journal, plan, column):
                file.write(journal.read(tensor))
        for row in rows_of(journal, plan):
            file.write(job_line(row))


def _write_head(file: IO[bytes], journal: Journal, plan: Plan) -> None:
    head, end = BytesIO(), 0

    def put(key: str, dtype: str, shape: tuple[int, ...]) -> None:
        nonlocal end
        size = prod(shape) * BY_NAME[dtype].size
        pairs = (2,) if dtype == "complex128" else ()
        entry = {"dtype": _CODES[dtype], "shape": [*shape, *pairs], "data_offsets": [end, end + size]}
        head.write(f",{json.dumps(key)}:{json.dumps(entry)}".encode())
        end += size

    head.write(f'{{"__metadata__":{json.dumps({"format": _FORMAT})}'.encode())
    if plan.indices is not None:
        put(INDEX, "int64", (len(plan.indices),))
    for column in plan.columns.values():
        if plan.stacked(column):
            put(column.key, column.dtype, (len(plan.succeeded), *column.shape))
        else:
            for job_id, tensor in tensors_of(journal, plan, column):
                put(f"{column.key}/{job_id}", tensor.dtype, tensor.shape)
    put(JOBS, "uint8", (plan.jobs_size,))
    head.write(b"}")
    head.write(b" " * (-head.tell() % _LENGTH.size))
    if head.tell() > _MAX_HEAD:
        raise TooManyTensors(
            f"{head.tell():,} bytes of names, but .safetensors holds {_MAX_HEAD:,}: "
            "the jobs' tensors differ in shape, so each has a name of its own. Write .parquet or .npz"
        )
    file.write(_LENGTH.pack(head.tell()))
    file.write(head.getbuffer())


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """Gives the rows of a file that `write` wrote, without their tensors.

    Raises:
        ValueError: it is another file.
    """
    with path.open("rb") as file:
        entries, start = _read_head(file)
        file.seek(start + entries[JOBS]["data_offsets"][0])
        for line in file:
            yield read_job_line(line)[0]


def read(path: Path) -> Iterator[Record]:
    """Gives the rows of a file that `write` wrote.

    Raises:
        ValueError: it is another file.
    """
    with path.open("rb") as file, path.open("rb") as lines:
        entries, start = _read_head(file)
        stacked = {name: None for name in entries if name.count("/") == 1}
        places = {key: start + entry["data_offsets"][0] for key, entry in entries.items()}
        lines.seek(places[JOBS])
        for line in lines:
            facts, tensors = read_job_line(line)
            pieces = []
            for kind, name, dtype, shape in tensors:
                key = key_of(stacked, kind, name, facts["id"])
                file.seek(places[key])
                data = file.read(prod(shape) * BY_NAME[dtype].size)
                places[key] += len(data)  # where the next job's lies in the same array
                pieces.append(Piece(kind, name, dtype, shape, data))
            yield Record(facts, tuple(pieces))


def _read_head(file: IO[bytes]) -> tuple[dict[str, Any], int]:
    head = file.read(_LENGTH.size)
    size = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    entries = json.loads(file.read(size)) if 0 < size <= _MAX_HEAD else None
    metadata = entries.pop("__metadata__", None) if isinstance(entries, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != _FORMAT:
        raise ValueError("it holds other tensors than results")
    named: dict[str, Any] = entries or {}
    return named, _LENGTH.size + size
