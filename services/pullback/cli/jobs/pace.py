"""How fast jobs are finished, and how long the rest will take. No I/O."""

from __future__ import annotations

from collections import deque
from typing import final

# Seconds over which the rate is taken: long enough for jobs of a minute, short enough to see a worker leave.
_WINDOW = 60.0

# Points that are kept of the window.
_POINTS = 60


@final
class Pace:
    """The rate over the last minute."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def mark(self, now: float, done: int) -> None:
        """Takes how many are done at a time, in seconds of a clock that never goes back."""
        points = self._points
        if len(points) >= 2 and now - points[-2][0] < _WINDOW / _POINTS:
            points[-1] = (now, done)
        else:
            points.append((now, done))
        while len(points) > 2 and points[1][0] <= now - _WINDOW:
            points.popleft()

    @property
    def rate(self) -> float | None:
        """Jobs a second; None before any time has passed."""
        if len(self._points) < 2:
            return None
        (start, before), (end, after) = self._points[0], self._points[-1]
        return (after - before) / (end - start) if end > start else None

    def seconds_left(self, jobs: int) -> float | None:
        """Gives how long so many jobs take; None where nothing tells."""
        return jobs / self.rate if self.rate else None


def span_text(seconds: float | None) -> str:
    """Writes a span of time as ``1:02:03``, or ``-`` where it is not known."""
    if seconds is None:
        return "-"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def rate_text(rate: float | None) -> str:
    """Writes a rate with as many digits as matter."""
    if rate is None:
        return "-"
    return f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.2f}/s"
