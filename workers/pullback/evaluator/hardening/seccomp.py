"""The filter by which the kernel refuses an evaluator what a computation does not need.

Strategy: a list of what is allowed, and three ways to be refused. What is known to be an attack ends the process, so
that it is found out. Names of files are refused as if the right were missing. All else is refused as if the kernel
did not have the call: glibc and torch know how to go on without a call that is new to them.

The filter is made once, in the template. What is left for an evaluator are the rules that name its own process id,
and to load it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import termios

from pullback.evaluator.hardening import syscalls

# From linux/sched.h: a clone with all of these is a thread of this process.
_CLONE_VM, _CLONE_SIGHAND, _CLONE_THREAD = 0x00000100, 0x00000800, 0x00010000
_THREAD = _CLONE_VM | _CLONE_SIGHAND | _CLONE_THREAD

# From linux/prctl.h: to name a thread, and to name memory, are harmless.
_PR_SET_NAME, _PR_SET_VMA = 15, 0x53564D41

# From asm-generic/resource.h.
_RLIMIT_CPU = 0


class Filter:
    """A filter for evaluators of one device.

    On a GPU only `syscalls.ATTACKS` is refused: what its driver needs is the driver's secret, and not the same from
    one to the next. Its process may make sockets and open files, as far as its user may.
    """

    def __init__(self, device: str) -> None:
        """Makes the filter.

        Raises:
            ImportError: there is no `pyseccomp`.
            RuntimeError: there is no libseccomp.
            OSError: libseccomp refuses a rule.
        """
        import pyseccomp  # noqa: PLC0415 - loads libseccomp, and raises where there is none

        self._library = pyseccomp
        self._is_cpu = device == "cpu"
        if self._is_cpu:
            self._rules = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.ENOSYS))
            self._add(pyseccomp.ALLOW, syscalls.ALLOWED)
            self._add(pyseccomp.ERRNO(errno.EACCES), syscalls.FILES)
            self._add(pyseccomp.KILL_PROCESS, syscalls.ATTACKS)
            self._add_conditions()
        else:
            self._rules = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
            network = {"accept", "accept4", "bind", "connect", "listen", "socket", "socketpair"}
            self._add(
                pyseccomp.KILL_PROCESS, tuple(set(syscalls.ATTACKS) - network - {"memfd_create", "tkill"})
            )

    def load(self) -> None:
        """Puts this process under the filter, for good.

        Raises:
            OSError: the kernel refused.
        """
        if self._is_cpu:
            self._add_signals(os.getpid())
        self._rules.load()

    def _add(self, action: int, names: tuple[str, ...]) -> None:
        arch = self._library.system_arch()
        for name in names:
            # A name that this library does not know is a call that it cannot allow, and the default refuses it.
            if self._library.resolve_syscall(arch, name) != -1:
                self._rules.add_rule(action, name)

    def _add_conditions(self) -> None:
        """Allows some calls with some arguments."""
        library, rules = self._library, self._rules
        allow, equal = library.ALLOW, library.EQ
        rules.add_rule(allow, "clone", library.Arg(0, library.MASKED_EQ, _THREAD, _THREAD))
        rules.add_rule(library.KILL_PROCESS, "clone", library.Arg(0, library.MASKED_EQ, _CLONE_THREAD, 0))
        # Without an address: over the connection that there is.
        rules.add_rule(allow, "sendto", library.Arg(4, equal, 0))
        rules.add_rule(allow, "ioctl", library.Arg(1, equal, termios.FIONBIO))
        for command in (fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_GETFD):
            rules.add_rule(allow, "fcntl", library.Arg(1, equal, command))
        for option in (_PR_SET_NAME, _PR_SET_VMA):
            rules.add_rule(allow, "prctl", library.Arg(0, equal, option))
        # To look at one's own limits, and to move that of processor time.
        rules.add_rule(allow, "prlimit64", library.Arg(0, equal, 0), library.Arg(2, equal, 0))
        rules.add_rule(allow, "prlimit64", library.Arg(0, equal, 0), library.Arg(1, equal, _RLIMIT_CPU))

    def _add_signals(self, pid: int) -> None:
        """Allows signals to this process, for `abort` is one; a signal to another ends it."""
        library, rules = self._library, self._rules
        for name in ("kill", "tgkill"):
            rules.add_rule(library.ALLOW, name, library.Arg(0, library.EQ, pid))
            rules.add_rule(library.KILL_PROCESS, name, library.Arg(0, library.NE, pid))


def make(device: str) -> tuple[Filter | None, str]:
    """Makes a filter, or says why there can be none."""
    try:
        return Filter(device), ""
    except ImportError:
        return None, "pyseccomp is not installed"
    except RuntimeError:
        return None, "libseccomp is not installed"
    except OSError as error:
        return None, f"libseccomp: {error.strerror}"
