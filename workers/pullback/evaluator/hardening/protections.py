"""Which protections a process has, as text between processes and for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protection(StrEnum):
    """One thing that stands between a program and the machine. The values are what an operator reads."""

    #: No descriptor but the connection and one for its log; a session and a process group of its own.
    ALONE = "nothing inherited"
    #: Bounds by `setrlimit`: memory, processor time, files, descriptors, core dumps.
    RLIMITS = "rlimits"
    #: It is not root, and holds no capability.
    UNPRIVILEGED = "not root"
    #: No program it starts could gain rights.
    NO_NEW_PRIVS = "no_new_privs"
    #: The kernel refuses every file and every network address.
    LANDLOCK = "landlock"
    #: The kernel refuses every call that a computation does not need.
    SECCOMP = "seccomp"


#: Without these, a worker that has to be protected does not start. Landlock is a second net below seccomp, which
#: refuses files as well, and young kernels only have it.
REQUIRED = frozenset(Protection) - {Protection.LANDLOCK}


@dataclass(frozen=True)
class Protections:
    """What is on, and what is not and why.

    Attributes:
        on: the protections that an evaluator has, in the order of `Protection`.
        missing: those that it has not, each with the reason.
    """

    on: tuple[Protection, ...]
    missing: tuple[tuple[Protection, str], ...] = ()

    @property
    def lacking(self) -> tuple[Protection, ...]:
        """Those that a protected worker must have, and that are missing."""
        return tuple(each for each, _ in self.missing if each in REQUIRED)

    def __str__(self) -> str:
        on = ", ".join(self.on) or "none"
        if not self.missing:
            return on
        return f"{on}; missing: " + ", ".join(f"{each} ({why})" for each, why in self.missing)

    def pack(self) -> bytes:
        """Writes them as `unpack` reads them."""
        lines = [*self.on, *(f"{each}\t{why}" for each, why in self.missing)]
        return "\n".join(lines).encode()

    @classmethod
    def unpack(cls, data: bytes) -> Protections:
        """Reads what `pack` wrote.

        Raises:
            ValueError: the bytes are something else.
        """
        on: list[Protection] = []
        missing: list[tuple[Protection, str]] = []
        for line in data.decode().splitlines():
            name, tab, why = line.partition("\t")
            if tab:
                missing.append((Protection(name), why))
            else:
                on.append(Protection(name))
        return cls(tuple(on), tuple(missing))
