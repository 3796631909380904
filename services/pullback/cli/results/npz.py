"""Results as an archive of numpy's arrays, written and read in one pass over each array.

numpy lacks bfloat16: such tensors are float32 here, which holds each of their values.
"""

from __future__ import annotations

import zipfile
from contextlib import contextmanager
from math import prod
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.lib import format as npy

from pullback.cli.results.plan import INDEX, JOBS, job_line, key_of, read_job_line, rows_of, tensors_of
from pullback.cli.results.record import Piece, Record
from pullback.contract.tensors import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pullback.cli.results.journal import Journal
    from pullback.cli.results.plan import Column, Plan

_IDS = "id"

# Of every member, so that equal results make equal files.
_DATE = (1980, 1, 1, 0, 0, 0)


def write(path: Path, journal: Journal, plan: Plan) -> None:
    """Writes the file."""
    with zipfile.ZipFile(path, "w") as archive:
        _put(archive, _IDS, np.array(plan.succeeded, dtype=np.str_))
        if plan.indices is not None:
            _put(archive, INDEX, np.array(plan.indices, dtype=np.int64))
        for column in plan.columns.values():
            if plan.stacked(column):
                _put_stacked(archive, journal, plan, column)
            else:
                for job_id, tensor in tensors_of(journal, plan, column):
                    with _member(archive, f"{column.key}/{job_id}", tensor.dtype, tensor.shape) as member:
                        member.write(_widened(tensor.dtype, journal.read(tensor)))
        with _member(archive, JOBS, "uint8", (plan.jobs_size,)) as member:
            for row in rows_of(journal, plan):
                member.write(job_line(row))


def _put_stacked(archive: zipfile.ZipFile, journal: Journal, plan: Plan, column: Column) -> None:
    with _member(archive, column.key, column.dtype, (len(plan.succeeded), *column.shape)) as member:
        for _, tensor in tensors_of(journal, plan, column):
            member.write(_widened(column.dtype, journal.read(tensor)))


def _put(archive: zipfile.ZipFile, key: str, array: Any) -> None:
    with archive.open(zipfile.ZipInfo(f"{key}.npy", _DATE), "w", force_zip64=True) as member:
        npy.write_array(member, array, allow_pickle=False)


@contextmanager
def _member(archive: zipfile.ZipFile, key: str, dtype: str, shape: tuple[int, ...]) -> Iterator[IO[bytes]]:
    """Opens a member of the archive, with numpy's head written."""
    with archive.open(zipfile.ZipInfo(f"{key}.npy", _DATE), "w", force_zip64=True) as member:
        head = {"descr": npy.dtype_to_descr(_numpy(dtype)), "fortran_order": False, "shape": shape}
        npy.write_array_header_2_0(member, head)
        yield member


def _numpy(dtype: str) -> np.dtype[Any]:
    return np.dtype("<f4") if dtype == "bfloat16" else BY_NAME[dtype].numpy


def _widened(dtype: str, data: bytes) -> bytes:
    if dtype != "bfloat16":
        return data
    return (np.frombuffer(data, "<u2").astype("<u4") << 16).tobytes()


def _narrowed(dtype: str, data: bytes) -> bytes:
    if dtype != "bfloat16":
        return data
    return (np.frombuffer(data, "<u4") >> 16).astype("<u2").tobytes()


def read_facts(path: Path) -> Iterator[dict[str, Any]]:
    """Gives the rows of a file that `write` wrote, without their tensors.

    Raises:
        ValueError: it is another file.
        zipfile.BadZipFile: it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        _names(archive)
        members: dict[str, IO[bytes]] = {}
        with _opened(archive, members, JOBS) as lines:
            for line in lines:
                yield read_job_line(line)[0]


def read(path: Path) -> Iterator[Record]:
    """Gives the rows of a file that `write` wrote.

    Raises:
        ValueError: it is another file.
        zipfile.BadZipFile: it is no archive.
    """
    with zipfile.ZipFile(path) as archive:
        stacked = {name: None for name in _names(archive) if name.count("/") == 1}
        members: dict[str, IO[bytes]] = {}
        try:
            for line in _opened(archive, members, JOBS):
                facts, tensors = read_job_line(line)
                pieces = []
                for kind, name, dtype, shape in tensors:
                    member = _opened(archive, members, key := key_of(stacked, kind, name, facts["id"]))
                    data = _narrowed(dtype, member.read(prod(shape) * _numpy(dtype).itemsize))
                    pieces.append(Piece(kind, name, dtype, shape, data))
                    if key not in stacked:
                        members.pop(key).close()
                yield Record(facts, tuple(pieces))
        finally:
            for member in members.values():
                member.close()


def _names(archive: zipfile.ZipFile) -> set[str]:
    names = {name.removesuffix(".npy") for name in archive.namelist()}
    if not {JOBS, _IDS} <= names:
        raise ValueError("it holds other arrays than results")
    return names


def _opened(archive: zipfile.ZipFile, members: dict[str, IO[bytes]], key: str) -> IO[bytes]:
    if key not in members:
        member = members[key] = archive.open(f"{key}.npy")
        if npy.read_magic(member) == (1, 0):
            npy.read_array_header_1_0(member)
        else:
            npy.read_array_header_2_0(member)
    return members[key]
