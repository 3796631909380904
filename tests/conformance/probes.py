"""What the processes of a running system look like from outside: who lives, how much they hold, what they left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, final

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

# What the payloads of hostile programs would create in the working directory of the process that ran them.
CANARY = "PWNED_CANARY"

# Processes that must outlive every evaluation. An evaluator need not: another takes its place.
_LASTING = ("pullback.gateway", "pullback.worker")
_EVALUATOR = "pullback.evaluator"


@final
class Watch:
    """Watches the processes below `pullback up`.

    Args:
        root: the process id of `pullback up`.
    """

    def __init__(self, root: int) -> None:
        self._root = psutil.Process(root)
        self._lasting = dict(self._named(*_LASTING))
        self._folders = {Path.cwd(), *self._working_directories()}
        self._left_before = set(self.canaries())

    def _named(self, *words: str) -> Iterator[tuple[int, str]]:
        for process in self._root.children(recursive=True):
            try:
                line = " ".join(process.cmdline())
            except psutil.Error:
                continue
            for word in words:
                if word in line:
                    yield process.pid, word

    def _working_directories(self) -> Iterator[Path]:
        for process in self._root.children(recursive=True):
            try:
                yield Path(process.cwd())
            except psutil.Error:
                continue

    def gone(self) -> list[str]:
        """Lists the processes that lived at the beginning and do not now."""
        now = dict(self._named(*_LASTING))
        return [f"{name} ({pid}) is gone" for pid, name in self._lasting.items() if pid not in now]

    def memory(self) -> int:
        """Adds up the bytes that worker and evaluators hold for themselves alone."""
        total = 0
        for pid, _ in self._named("pullback.worker", _EVALUATOR):
            try:
                total += psutil.Process(pid).memory_full_info().uss
            except psutil.Error:
                continue
        return total

    def canaries(self) -> list[str]:
        """Lists what payloads left behind."""
        return [str(folder / CANARY) for folder in self._folders if (folder / CANARY).exists()]

    def left(self) -> list[str]:
        """Lists what payloads left behind since the watch began."""
        self._folders |= set(self._working_directories())
        return [path for path in self.canaries() if path not in self._left_before]


def root_of(address: str) -> int:
    """Finds the `pullback up` whose gateway listens at an address of this machine.

    Raises:
        LookupError: no process of ours listens there.
    """
    port = int(address.rpartition(":")[2])
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,)
        if listens and connection.pid:
            return int(psutil.Process(connection.pid).ppid())
    raise LookupError(f"no process listens on port {port}")
