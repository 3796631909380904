"""One of the processes that ``pullback up`` keeps running: all there is to know before its start."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping


@dataclass(frozen=True)
class Part:
    """How to start a process, how to know that it is ready, and how patient to be with it.

    Attributes:
        name: what it is called in messages.
        command: its command line, tied to this process's life.
        environment: its whole environment.
        ready: found in the line it prints when it is ready; its group, if any, is told the user.
        ready_seconds: how long it may take to print that.
        stop_seconds: how long it may take to end after SIGTERM.
        descriptors: open files that it inherits.
        quiet: whether its lines are only shown when it has failed.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    ready: re.Pattern[str]
    ready_seconds: float
    stop_seconds: float
    descriptors: tuple[int, ...] = ()
    quiet: bool = False
