"""The C library's memory allocator, as processes that handle big tensors want it."""

from __future__ import annotations

import ctypes

#: The most bytes that a process keeps for its next tensors, where it freed them.
KEPT_BYTES = 64 * 2**20

# The C library accepts no higher threshold than this. What is bigger comes from the kernel, and goes back when freed.
_MAPPED_BYTES = 32 * 2**20

# From malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Has freed memory kept for what comes next, up to `KEPT_BYTES`. For the process, and those forked from it.

    By itself, glibc gives the memory of a tensor of some megabytes back to the kernel, which clears every page of it
    before the next tensor can be written: more work than most of what is done with it in between.

    Returns:
        Whether the C library knows how. Others do without.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _MAPPED_BYTES) and mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES))
