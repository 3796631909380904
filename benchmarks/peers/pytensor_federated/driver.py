"""Calls a pytensor-federated server over its stream, one call at a time: `driver.py PORT SECONDS`.

Strategy: the asynchronous method of the peer's own client is awaited inside one running loop, which costs the
peer less than its blocking method.
"""

from __future__ import annotations

import asyncio
import sys
import time

import numpy as np
from pytensor_federated import ArraysToArraysServiceClient  # type: ignore[import-not-found]

from benchmarks import polynomial
from benchmarks.figures import Figure, from_laps

# Seconds before the clock starts.
WARM_UP = 0.3


async def measure(client: ArraysToArraysServiceClient, seconds: float) -> Figure:
    """Evaluates at distinct points until the time is up, and checks every answer."""
    points = polynomial.points()
    xs: list[float] = []
    answers: list[tuple[float, float]] = []
    laps: list[float] = []
    start = now = time.perf_counter()
    while now < start + seconds:
        xs.append(next(points))
        value, gradient = await client.evaluate_async(np.array(xs[-1]))
        answers.append((value.item(), gradient.item()))
        before, now = now, time.perf_counter()
        laps.append(now - before)
    polynomial.check(xs, [value for value, _ in answers], [gradient for _, gradient in answers])
    return from_laps("pytensor_federated", laps, now - start)


async def main() -> None:
    """Warms up, measures, prints."""
    client = ArraysToArraysServiceClient("127.0.0.1", int(sys.argv[1]))
    await measure(client, WARM_UP)
    print((await measure(client, float(sys.argv[2]))).line(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
