"""The bounds that the kernel holds an evaluator to."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

from pullback.contract.allocator import KEPT_BYTES

if TYPE_CHECKING:
    from pullback.contract.limits import Limits

# Descriptors that an evaluator may have: five, and some for what a library opens for a moment.
_DESCRIPTORS = 32

# Address space beyond what a job's tensors take at most: an operation's workspace, such as the copies that LAPACK and
# a convolution make, is up to as much again. Of inputs and results there are a frame, a message and a tensor each.
# Measured on jobs with 64 MiB of inputs: a sum of squares with its gradient took 320 MiB, softmax 450, a convolution
# 890; two of the former in a batch 580. What the allocator keeps of freed memory may be of no use to bigger tensors.
_WORKSPACES = 2
_INPUT_COPIES = 3
_RESULT_COPIES = 4

# Processor time of one batch beyond which something is wrong, in seconds: a day, the most that a gateway's time limits
# may be set to. The drain and the template end a batch at its own limit; this is for when neither can.
_CPU_SECONDS = 86_400


def job_bytes(limits: Limits) -> int:
    """Gives the address space that jobs may take, in bytes."""
    return (
        _WORKSPACES * limits.live_bytes
        + _INPUT_COPIES * limits.input_bytes
        + _RESULT_COPIES * limits.result_bytes
        + KEPT_BYTES
    )


def forbid_core_dumps() -> None:
    """A core dump would hold a tenant's tensors."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def forbid_files() -> None:
    """Nothing can be written to a file, and few can be open."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))


def bound_memory(limits: Limits) -> None:
    """Bounds the address space to what is taken now and what jobs may take."""
    most = _address_space() + job_bytes(limits)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _address_space() -> int:
    with open("/proc/self/statm", "rb") as file:  # noqa: PTH123 - one read, and no object around it
        return int(file.read().split()[0]) * resource.getpagesize()


class CpuBound:
    """Keeps the limit on processor time ahead of a process that lives over many batches."""

    def __init__(self) -> None:
        self._limit = 0

    def move(self) -> None:
        """Makes sure that the next batch has its time. Called before each."""
        used = time.process_time()
        if self._limit - used < _CPU_SECONDS:
            # Twice what is needed, so that the next move is a day away.
            self._limit = int(used) + 2 * _CPU_SECONDS
            resource.setrlimit(resource.RLIMIT_CPU, (self._limit, resource.RLIM_INFINITY))
