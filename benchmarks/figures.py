"""What a driver measured, and how it tells the runner: one line of JSON on standard output."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One row, measured once.

    Attributes:
        row: the row's name.
        calls: answers received, each one checked.
        seconds: wall time from the first call to the last answer.
        p50_ms: median time of a call, in milliseconds; 0 where single calls were not timed.
        p99_ms: the same, 99th percentile.
        max_ms: the same, longest.
        cpu_us: processor time per answer by role, in microseconds.
    """

    row: str
    calls: int
    seconds: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    max_ms: float = 0.0
    cpu_us: dict[str, float] = dataclasses.field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.calls / self.seconds

    def line(self) -> str:
        """Returns the figure as one line of JSON."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_line(cls, line: str) -> Figure:
        """Reads what `line` wrote."""
        return cls(**json.loads(line))


def from_laps(row: str, laps: Sequence[float], seconds: float) -> Figure:
    """Makes a figure from the seconds that each call took."""
    ordered = sorted(laps)
    return Figure(
        row,
        len(laps),
        seconds,
        p50_ms=1e3 * percentile(ordered, 50),
        p99_ms=1e3 * percentile(ordered, 99),
        max_ms=1e3 * ordered[-1],
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Returns the smallest element that at least `percent` of the elements do not exceed."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
