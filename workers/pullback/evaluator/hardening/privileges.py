"""Rights that an evaluator gives up."""

from __future__ import annotations

import ctypes
import os

# From linux/prctl.h.
_PR_SET_NO_NEW_PRIVS = 38

# The user and group that own nothing; the kernel's own default for both.
NOBODY = 65_534

#: The C library, for calls that Python has no function for. Loaded once: forks inherit it.
libc = ctypes.CDLL(None, use_errno=True)


def become_nobody() -> None:
    """Leaves the user root, and with it every capability.

    Raises:
        OSError: the kernel refused.
    """
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def gain_no_rights() -> None:
    """Sets `no_new_privs`, which seccomp and Landlock ask for.

    Raises:
        OSError: the kernel refused.
    """
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
