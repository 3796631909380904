"""What was collected for a file that can only be written as a whole: rows, appended, beside it.

Strategy: an entry is a head of fixed size, the facts as JSON, and the tensors' bytes; the head has the sizes and a
checksum. Whatever follows the last whole entry is cut off when the journal is opened: the service still has it. The
tensors are found again by their place, so that the file is made by copying bytes, however big it grows.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from typing import TYPE_CHECKING, Any, NamedTuple, final

import typer

from pullback.cli.results.held import open_held, write_all
from pullback.cli.results.record import known_in, slot_in

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pullback.cli.results.record import Kind, Known, Record

# Magic, bytes of the facts, bytes of the tensors, CRC-32 of both.
_HEAD = struct.Struct("<4sIQI")
_MAGIC = b"PBJ1"

# Bytes that are read at once to check an entry.
_CHUNK = 1 << 20


class Placed(NamedTuple):
    """A tensor in the journal."""

    kind: Kind
    name: str
    dtype: str
    shape: tuple[int, ...]
    offset: int
    size: int


class Row(NamedTuple):
    """A row in the journal: its facts, and where its tensors lie."""

    facts: dict[str, Any]
    tensors: list[Placed]


@final
class Journal:
    """A journal, held by this process.

    Attributes:
        known: the jobs that it has a row of.
    """

    def __init__(self, path: Path) -> None:
        """Opens or makes it.

        Raises:
            typer.BadParameter: the file is no journal.
            OutputBusy: another process holds it.
            OSError: it cannot be opened.
        """
        self.known: dict[str, Known] = {}
        self.path = path
        self._offsets: dict[str, int] = {}
        self._fd = open_held(path)
        try:
            self._recover()
        except BaseException:
            os.close(self._fd)
            raise

    def append(self, records: Iterable[Record]) -> None:
        """Appends rows. A later row of a job counts in the place of an earlier one.

        Raises:
            OSError: they cannot be written. None of them is there then.
        """
        kept = list(records)
        entries = [_entry(record) for record in kept]
        offset = os.lseek(self._fd, 0, os.SEEK_END)
        write_all(self._fd, b"".join(entries))
        for record, entry in zip(kept, entries, strict=True):
            self.known[record.slot] = record.known
            self._offsets[record.slot] = offset
            offset += len(entry)

    def row(self, slot: str) -> Row:
        """Gives a row."""
        offset = self._offsets[slot]
        _, facts_size, _, _ = _HEAD.unpack(os.pread(self._fd, _HEAD.size, offset))
        offset += _HEAD.size
        facts = json.loads(os.pread(self._fd, facts_size, offset))
        offset += facts_size
        tensors = []
        for kind, name, dtype, shape, size in facts.pop("tensors"):
            tensors.append(Placed(kind, name, dtype, tuple(shape), offset, size))
            offset += size
        return Row(facts, tensors)

    def read(self, tensor: Placed) -> bytes:
        """Gives a tensor's bytes."""
        data = os.pread(self._fd, tensor.size, tensor.offset)
        while len(data) < tensor.size:  # one read gives 2 GiB at most
            data += os.pread(self._fd, tensor.size - len(data), tensor.offset + len(data))
        return data

    def close(self) -> None:
        """Lets the journal go."""
        os.close(self._fd)

    def discard(self) -> None:
        """Deletes the journal. It is still held until it is closed."""
        self.path.unlink()

    def _recover(self) -> None:
        length, end = os.fstat(self._fd).st_size, 0
        while found := self._whole_entry(end, length):
            facts, after = found
            self.known[slot := slot_in(facts)] = known_in(facts)
            self._offsets[slot] = end
            end = after
        if end == 0 and length and not self._is_ours(length):
            raise typer.BadParameter(
                f"{self.path}: this is no journal of results; it was left as it is. Move it out of the way"
            )
        os.ftruncate(self._fd, end)

    def _is_ours(self, length: int) -> bool:
        start = os.pread(self._fd, min(length, len(_MAGIC)), 0).rstrip(b"\0")
        return _MAGIC.startswith(start)

    def _whole_entry(self, offset: int, length: int) -> tuple[dict[str, Any], int] | None:
        """Gives the facts of the entry at an offset and where it ends; None where it is not whole."""
        head = os.pread(self._fd, _HEAD.size, offset)
        if len(head) < _HEAD.size:
            return None
        magic, facts_size, data_size, checksum = _HEAD.unpack(head)
        after = offset + _HEAD.size + facts_size + data_size
        if magic != _MAGIC or after > length:
            return None
        text = os.pread(self._fd, facts_size, offset + _HEAD.size)
        found, place = zlib.crc32(text), offset + _HEAD.size + facts_size
        while place < after:
            data = os.pread(self._fd, min(_CHUNK, after - place), place)
            found, place = zlib.crc32(data, found), place + len(data)
        return (json.loads(text), after) if found == checksum else None


def _entry(record: Record) -> bytes:
    tensors = [[p.kind, p.name, p.dtype, p.shape, len(p.data)] for p in record.pieces]
    facts = json.dumps({**record.facts, "tensors": tensors}, ensure_ascii=False).encode()
    data = b"".join(piece.data for piece in record.pieces)
    checksum = zlib.crc32(data, zlib.crc32(facts))
    return b"".join([_HEAD.pack(_MAGIC, len(facts), len(data), checksum), facts, data])
