"""A data directory: one server at a time, and only a server that can read what is there.

The lock is taken by the process that starts the server and handed down to the server itself. It is free again
only when both are gone, so that a successor never opens files that a dying server still writes.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

from pydantic import ValidationError

from pullback.broker.embedded.stamp import Stamp, refusal, stamp_of
from pullback.contract.errors import InvalidArgument, QueueUnavailable

if TYPE_CHECKING:
    from types import TracebackType

    from pullback.broker.embedded.binary import Server

_LOCK = "lock"
_STAMP = "server.json"
_FIELD = "data directory"

#: How long to wait for the server of a dead owner, in seconds. It flushes its files within moments.
HANDOVER_SECONDS = 5.0

#: How often to look meanwhile, in seconds: a lock has no event to wait for with a limit.
_LOOK_SECONDS = 0.02


@final
class DataDirectory:
    """A directory that this process owns from `take` to `release`; a context manager.

    Attributes:
        path: the directory, absolute.
        lock: the descriptor that holds the lock, for the server to inherit.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self.lock = lock

    @classmethod
    def take(cls, path: Path, server: Server) -> Self:
        """Makes the directory where needed, locks it, and stamps it for the server.

        Raises:
            InvalidArgument: when the directory cannot be made, or holds what the server cannot read.
            QueueUnavailable: when another process owns it.
        """
        path = path.absolute()
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise InvalidArgument(f"{path} cannot be used: {error.strerror}", field=_FIELD) from error
        try:
            _lock(lock, path)
            _stamp(path, server)
        except BaseException:
            os.close(lock)
            raise
        return cls(path, lock)

    def release(self) -> None:
        """Lets the directory go. The server must have ended."""
        # Unlocked by hand: a snapshot child of the server may still hold a copy of the descriptor.
        fcntl.flock(self.lock, fcntl.LOCK_UN)
        os.close(self.lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def write_private(path: Path, text: str) -> None:
    """Writes a file whole or not at all, for this user's eyes only."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(
        os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _lock(lock: int, path: Path) -> None:
    until = time.monotonic() + HANDOVER_SECONDS
    while not _try_lock(lock):
        owner = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
        if _is_alive(owner) or time.monotonic() > until:
            raise QueueUnavailable(
                f"{path} is in use by process {owner or 'unknown'}:"
                " stop that one, or choose another data directory"
            )
        time.sleep(_LOOK_SECONDS)
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)


def _try_lock(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_alive(owner: str) -> bool:
    return owner.isdecimal() and Path("/proc", owner).exists()


def _stamp(path: Path, server: Server) -> None:
    file = path / _STAMP
    if file.exists():
        reason = refusal(_read_stamp(file), server)
        if reason is not None:
            raise InvalidArgument(
                f"{path} {reason}: run a server that can (PULLBACK_REDIS_SERVER names one), choose another"
                " data directory, or remove this one with all jobs and results in it",
                field=_FIELD,
            )
    elif any(entry.name != _LOCK for entry in path.iterdir()):
        raise InvalidArgument(
            f"{path} holds files that are not ours: choose an empty directory", field=_FIELD
        )
    # Before the server's start: from its first moment it may write what an older one cannot read.
    write_private(file, stamp_of(server).model_dump_json() + "\n")


def _read_stamp(file: Path) -> Stamp:
    try:
        return Stamp.model_validate_json(file.read_bytes())
    except (ValidationError, OSError) as error:
        raise InvalidArgument(
            f"{file} does not say which server wrote the data: choose another data directory,"
            " or remove this one with all jobs and results in it",
            field=_FIELD,
        ) from error
