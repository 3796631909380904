"""A file that one process at a time writes."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class OutputBusy(Exception):
    """Another process is writing the file."""


def open_held(path: Path) -> int:
    """Opens a file for reading and writing, makes it where it is missing, and holds it until it is closed.

    The kernel lets go of it when the process dies, however it dies.

    Raises:
        OutputBusy: another process holds it.
        OSError: it cannot be opened.
    """
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            raise OutputBusy(f"{path}: another process is writing it") from None
        if _is_still(fd, path):
            return fd
        # The one before us put another file in its place, or took it away, between our two steps.
        os.close(fd)


def _is_still(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False


def write_all(fd: int, data: bytes) -> None:
    """Appends bytes at the end of a held file; where it cannot, what it wrote of them is cut off again.

    Raises:
        OSError: the disk is full, or broken.
    """
    end = os.lseek(fd, 0, os.SEEK_END)
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.ftruncate(fd, end)
        raise


def put_in_place(new: Path, path: Path) -> None:
    """Lets a finished file take a name over, in one step that a power cut cannot halve."""
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
