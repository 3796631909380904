"""The same rows through the Python SDK: what its convenience costs."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import polynomial
from benchmarks.figures import Figure, from_laps
from benchmarks.ours.concurrent import CALLERS
from pullback.client import AsyncClient, Client, PullbackError, evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.client import Evaluated
    from pullback.v1.evaluation_pb2 import Evaluation


class Asked:
    """Points and answers, kept until they are checked."""

    def __init__(self) -> None:
        self.points = polynomial.points()
        self.xs: list[float] = []
        self._values: list[float] = []
        self._gradients: list[float] = []

    def keep(self, x: float, evaluated: Evaluated) -> None:
        """Keeps the value and the gradient at a point."""
        self.xs.append(x)
        self._values.append(evaluated.value.item())
        self._gradients.append(evaluated.gradient.item())

    def check(self) -> None:
        """Checks every answer.

        Raises:
            WrongAnswerError: one is wrong.
        """
        polynomial.check(self.xs, self._values, self._gradients)


async def sdk_unary(address: str, seconds: float) -> Figure:
    """Calls `Client.evaluate` over and over."""
    asked, laps = Asked(), list[float]()
    with Client(address) as client:
        start = now = time.perf_counter()
        while now < start + seconds:
            x = next(asked.points)
            asked.keep(x, client.evaluate(polynomial.PROGRAM, x=np.array(x)))
            before, now = now, time.perf_counter()
            laps.append(now - before)
    asked.check()
    return from_laps("sdk_unary", laps, now - start)


async def sdk_callers(address: str, seconds: float) -> Figure:
    """Calls `AsyncClient.evaluate` from 50 tasks."""
    asked, laps = Asked(), list[float]()
    async with AsyncClient(address) as client:
        start = time.perf_counter()

        async def caller() -> None:
            now = time.perf_counter()
            while now < start + seconds:
                x = next(asked.points)
                asked.keep(x, await client.evaluate(polynomial.PROGRAM, x=np.array(x)))
                before, now = now, time.perf_counter()
                laps.append(now - before)

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(caller())
        wall = time.perf_counter() - start
    asked.check()
    return from_laps("sdk_callers", laps, wall)


async def sdk_many(address: str, seconds: float) -> Figure:
    """Gives `Client.evaluate_many` evaluations until the time is up; single ones are not timed."""
    asked, sent = Asked(), list[float]()
    start = time.perf_counter()

    def evaluations() -> Iterator[Evaluation]:
        while time.perf_counter() < start + seconds:
            sent.append(next(asked.points))
            yield evaluation(polynomial.PROGRAM, x=np.array(sent[-1]))

    with Client(address) as client:
        for index, outcome in client.evaluate_many(evaluations()):
            if isinstance(outcome, PullbackError):
                raise outcome
            asked.keep(sent[index], outcome)
    wall = time.perf_counter() - start
    if sorted(asked.xs) != sorted(sent):
        raise polynomial.WrongAnswerError(f"{len(sent)} evaluations, {len(asked.xs)} outcomes")
    asked.check()
    return Figure("sdk_many", len(sent), wall)
