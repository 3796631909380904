"""Landlock: the kernel refuses this process every file and, where it knows how, every network address.

Three calls without a wrapper in glibc, and no dependency that would be worth its weight.
"""

from __future__ import annotations

import ctypes
import os

from pullback.evaluator.hardening.privileges import libc

# From asm-generic/unistd.h: the same on every processor.
_CREATE_RULESET, _RESTRICT_SELF = 444, 446
_CREATE_RULESET_VERSION = 1

# Rights by the version that brought them, from linux/landlock.h: how many of the lowest bits are known.
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
_NET_SINCE, _NET_RIGHTS = 4, 0b11
_SCOPE_SINCE, _SCOPES = 6, 0b11


class _Ruleset(ctypes.Structure):
    """`struct landlock_ruleset_attr`."""

    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


def version() -> int:
    """Gives the kernel's version of Landlock; 0 where it has none, or it is switched off."""
    return max(0, int(libc.syscall(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)))


def restrict() -> None:
    """Takes all rights on files, addresses and other processes from this process, for good.

    What is open stays open. Needs `no_new_privs`.

    Raises:
        OSError: the kernel refused.
    """
    known = version()
    rules = _Ruleset((1 << _FILE_RIGHTS.get(known, _FILE_RIGHTS[5])) - 1)
    size = ctypes.sizeof(ctypes.c_uint64)
    if known >= _NET_SINCE:
        rules.handled_access_net = _NET_RIGHTS
        size *= 2
    if known >= _SCOPE_SINCE:
        rules.scoped = _SCOPES
        size = ctypes.sizeof(_Ruleset)
    fd = _checked(libc.syscall(_CREATE_RULESET, ctypes.byref(rules), size, 0))
    try:
        # No rule is added: of what is handled, nothing is allowed.
        _checked(libc.syscall(_RESTRICT_SELF, fd, 0))
    finally:
        os.close(fd)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
