"""Processor time of the service's processes, by role."""

from __future__ import annotations

import contextlib
import os
from pathlib import PurePath

import psutil

# What our processes run, and the roles they have. A forked process keeps its parent's command line.
_ROLES = {
    "pullback.evaluator": "evaluator",
    "pullback.worker": "worker",
    "pullback.gateway": "gateway",
    "pullback.cli": "up",
    "pullback": "up",
    "valkey-server": "redis",
    "redis-server": "redis",
}


def of_service(address: str) -> list[psutil.Process]:
    """Returns the processes of the system whose gateway listens on a local address; none for a remote one."""
    port = int(address.rpartition(":")[2])
    listening = (c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN)
    owners = {c.pid for c in listening if c.laddr[-1:] == (port,)}
    return [p for pid in sorted(filter(None, owners)) for p in _tree(_top(psutil.Process(pid)))]


def _top(process: psutil.Process) -> psutil.Process:
    """Returns the outermost of the ancestors that are processes of ours."""
    ours = [parent for parent in process.parents() if role(parent) is not None]
    return ours[-1] if ours else process


def _tree(top: psutil.Process) -> list[psutil.Process]:
    return [p for p in (top, *top.children(recursive=True)) if p.pid != os.getpid()]


def seconds_by_role(processes: list[psutil.Process]) -> dict[str, float]:
    """Returns user and system time so far, in seconds, of the processes that are still alive."""
    spent: dict[str, float] = {}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            name = role(process) or process.name()
            spent[name] = spent.get(name, 0.0) + times.user + times.system
    return spent


def role(process: psutil.Process) -> str | None:
    """Returns what a process of the service does; None for one that is not ours."""
    words = (process.name(), *(PurePath(word).name for word in process.cmdline()[:6]))
    return next((_ROLES[word] for word in words if word in _ROLES), None)
