"""Memory of the service's processes, by role, in the course of a run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import psutil

from benchmarks.ours import processors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def now(address: str) -> dict[str, float]:
    """Returns the largest resident memory of a process of each role, in MiB."""
    found: dict[str, float] = {}
    for process in processors.of_service(address):
        with contextlib.suppress(psutil.NoSuchProcess):
            name = processors.role(process) or process.name()
            found[name] = max(found.get(name, 0.0), process.memory_info().rss / 2**20)
    return found


def text(samples: Sequence[tuple[str, Mapping[str, float]]]) -> str:
    """Lays samples out as a table: a line for each role, a column for each moment."""
    roles = sorted({role for _, sample in samples for role in sample})
    head = f"{'MiB':12}" + "".join(f"{moment:>14}" for moment, _ in samples)
    lines = [
        f"{role:12}" + "".join(f"{sample.get(role, 0.0):14.0f}" for _, sample in samples) for role in roles
    ]
    return "\n".join([head, *lines])
