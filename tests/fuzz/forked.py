"""Runs something in a child of its own, which a fault in native code may kill."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import traceback
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

# Time that a child may compute, in seconds.
CHILD_SECONDS = 60


class DiedError(Exception):
    """The child was ended by a signal, or failed."""


def in_child(work: Callable[[], T]) -> T:
    """Runs a function in a forked child and gives what it returned.

    Raises:
        DiedError: it did not come to its end; the text says how.
    """
    read, written = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _child(work, written)
    os.close(written)
    with os.fdopen(read, "rb") as pipe:
        data = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        raise DiedError(f"ended by {signal.Signals(os.WTERMSIG(status)).name}")
    failed, result = pickle.loads(data)  # noqa: S301 - written by our own child
    if failed:
        raise DiedError(str(result))
    value: T = result
    return value


def _child(work: Callable[[], object], written: int) -> None:
    """Never returns."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CHILD_SECONDS, CHILD_SECONDS))
        try:
            outcome = (False, work())
        except BaseException:  # noqa: BLE001 - the parent is told
            outcome = (True, traceback.format_exc())
        with os.fdopen(written, "wb") as pipe:
            pickle.dump(outcome, pipe)
    finally:
        os._exit(0)
