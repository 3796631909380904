"""Asks a UM-Bridge server for gradients: `driver.py PORT sequential|callers|lean SECONDS`.

Strategy: only `Gradient` is called. A value would be a second call, so this is the cheapest the peer can be.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import sys
import threading
import time
from typing import TYPE_CHECKING

import aiohttp  # type: ignore[import-not-found]
import umbridge  # type: ignore[import-not-found]

from benchmarks import polynomial
from benchmarks.figures import Figure, from_laps

if TYPE_CHECKING:
    from multiprocessing.synchronize import Barrier

CALLERS = 50

# Of the splits tried (1 x 50, 2 x 25, 10 x 5, 50 x 1), the one that gave the peer's own client the best rate.
PROCESSES = 2

# Seconds before the clock starts.
WARM_UP = 0.3

# Seconds that those processes may take to start.
START_LIMIT = 20.0


class Asked:
    """Points, gradients and times of calls, kept until they are checked."""

    def __init__(self) -> None:
        self.points = polynomial.points()
        self.laps: list[float] = []
        self.xs: list[float] = []
        self.gradients: list[float] = []

    def keep(self, x: float, gradient: float) -> None:
        """Keeps an answer."""
        self.xs.append(x)
        self.gradients.append(gradient)

    def figure(self, row: str, wall: float) -> Figure:
        """Checks every gradient and returns the figure."""
        polynomial.check_gradients(self.xs, self.gradients)
        return from_laps(row, self.laps, wall)


def sequential(port: int, seconds: float) -> Figure:
    """Calls with the peer's own client, one after the other."""
    asked, start = Asked(), time.perf_counter()
    _call_until(port, start + seconds, asked)
    return asked.figure("umbridge_sequential", time.perf_counter() - start)


def _call_until(port: int, end: float, asked: Asked) -> None:
    model = umbridge.HTTPModel(f"http://127.0.0.1:{port}", "polynomial")
    now = time.perf_counter()
    while now < end:
        x = next(asked.points)
        gradient = model.gradient(0, 0, [[x]], [1.0])[0]
        before, now = now, time.perf_counter()
        asked.keep(x, gradient)
        asked.laps.append(now - before)


def callers(port: int, seconds: float) -> Figure:
    """Calls with the peer's own client from 50 threads of two processes, which begin together."""
    spawn = multiprocessing.get_context("spawn")
    barrier, outcomes = spawn.Barrier(PROCESSES), spawn.Queue()
    processes = [
        spawn.Process(target=_some_callers, args=(port, seconds, barrier, outcomes)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    parts: list[tuple[list[float], float]] = [outcomes.get(timeout=START_LIMIT + seconds) for _ in processes]
    for process in processes:
        process.join()
    laps = list(itertools.chain.from_iterable(laps for laps, _ in parts))
    return from_laps("umbridge_callers", laps, max(wall for _, wall in parts))


def _some_callers(
    port: int, seconds: float, barrier: Barrier, outcomes: multiprocessing.Queue[tuple[list[float], float]]
) -> None:
    callers = [Asked() for _ in range(CALLERS // PROCESSES)]
    barrier.wait(START_LIMIT)
    start = time.perf_counter()
    threads = [threading.Thread(target=_call_until, args=(port, start + seconds, asked)) for asked in callers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.perf_counter() - start
    for asked in callers:
        polynomial.check_gradients(asked.xs, asked.gradients)
    outcomes.put((list(itertools.chain.from_iterable(asked.laps for asked in callers)), wall))


async def lean(port: int, seconds: float) -> Figure:
    """Calls from 50 tasks over kept-alive connections; the peer's own client connects for every call."""
    asked = Asked()
    url = f"http://127.0.0.1:{port}/Gradient"
    fixed = {"name": "polynomial", "outWrt": 0, "inWrt": 0, "sens": [1.0], "config": {}}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CALLERS)) as session:
        start = time.perf_counter()

        async def caller() -> None:
            now = time.perf_counter()
            while now < start + seconds:
                x = next(asked.points)
                async with session.post(url, json=fixed | {"input": [[x]]}) as response:
                    asked.keep(x, (await response.json(content_type=None))["output"][0])
                before, now = now, time.perf_counter()
                asked.laps.append(now - before)

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(caller())
        wall = time.perf_counter() - start
    return asked.figure("umbridge_lean", wall)


def measure(row: str, port: int, seconds: float) -> Figure:
    """Measures one of the rows."""
    if row == "lean":
        return asyncio.run(lean(port, seconds))
    return {"sequential": sequential, "callers": callers}[row](port, seconds)


if __name__ == "__main__":
    sequential(int(sys.argv[1]), WARM_UP)
    print(measure(sys.argv[2], int(sys.argv[1]), float(sys.argv[3])).line())
