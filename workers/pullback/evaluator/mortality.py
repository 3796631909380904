"""Processes that end with their parent."""

from __future__ import annotations

import ctypes
import os
import signal

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel send this process SIGKILL when the thread that started it ends.

    Args:
        parent_pid: the parent's process id. Where it is not the parent any more, this process ends at once.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    # The parent may have ended before the line above, and then no signal comes.
    if os.getppid() != parent_pid:
        os._exit(1)
