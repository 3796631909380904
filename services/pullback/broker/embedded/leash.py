"""Runs a command that dies with its parent; both a module and a script of its own.

The kernel sends a process a chosen signal when its parent dies, once the process has asked for that. The
asking is done here, in the child, by a script that then becomes the command. A `preexec_fn` would do the same
between fork and exec, where a parent with threads can deadlock.

The signal comes when the *thread* that started the child ends: start such children from a thread that stays.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence

# From linux/prctl.h.
_PR_SET_PDEATHSIG = 1

#: What a shell, too, answers for a command that cannot be run.
_CANNOT_RUN = 126


def leashed(command: Sequence[str], death_signal: signal.Signals) -> tuple[str, ...]:
    """Makes the command line that runs a command which gets a signal when this process dies.

    Args:
        command: the program, by its absolute path, and its arguments.
        death_signal: what it gets.
    """
    # Isolated and without site packages: a start of some 20 ms, whatever is installed.
    return (sys.executable, "-I", "-S", __file__, str(int(death_signal)), str(os.getpid()), *command)


def _main(death_signal: int, parent: int, command: list[str]) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.stderr.write(f"cannot be tied to its parent: {os.strerror(ctypes.get_errno())}\n")
        return _CANNOT_RUN
    # The parent may have died before the kernel was asked; then no signal will come.
    if os.getppid() != parent:
        return _CANNOT_RUN
    try:
        os.execv(command[0], command)  # noqa: S606 - becoming the command is the purpose
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}\n")
    return _CANNOT_RUN


if __name__ == "__main__":
    sys.exit(_main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
