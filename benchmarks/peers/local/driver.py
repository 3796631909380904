"""Evaluates value and gradient in a loop with eager torch, on one thread; prints one line of JSON."""

from __future__ import annotations

import sys
import time

from benchmarks import polynomial
from benchmarks.figures import Figure, from_laps
from benchmarks.peers.computing import by_name

# Seconds before the clock starts.
WARM_UP = 0.3


def measure(seconds: float) -> Figure:
    """Evaluates at distinct points until the time is up, and checks every answer."""
    evaluate, points = by_name("torch"), polynomial.points()
    xs: list[float] = []
    answers: list[tuple[float, float]] = []
    laps: list[float] = []
    start = now = time.perf_counter()
    while now < start + seconds:
        xs.append(next(points))
        answers.append(evaluate(xs[-1]))
        before, now = now, time.perf_counter()
        laps.append(now - before)
    polynomial.check(xs, [value for value, _ in answers], [gradient for _, gradient in answers])
    return from_laps("local", laps, now - start)


if __name__ == "__main__":
    measure(WARM_UP)
    print(measure(float(sys.argv[1])).line())
