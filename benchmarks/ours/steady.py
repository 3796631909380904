"""Unary evaluations at a fixed rate, well below what the service can take."""

from __future__ import annotations

import grpc.aio

from benchmarks.figures import Figure, from_laps
from benchmarks.ours.pacing import paced
from benchmarks.ours.sequential import DEADLINE
from benchmarks.ours.wire import Exchange, stub

# Seconds from one evaluation to the next: 300 a second.
INTERVAL = 1 / 300


async def steady(address: str, seconds: float) -> Figure:
    """Calls `Evaluate` 300 times a second, each timed from when it was due."""
    exchange = Exchange()
    async with grpc.aio.insecure_channel(address) as channel:
        evaluate = stub(channel).Evaluate

        async def call() -> None:
            request = exchange.request()
            exchange.keep(request.request_id, (await evaluate(request, timeout=DEADLINE)).result)

        await call()  # connects
        laps, wall = await paced(call, INTERVAL, seconds)
    exchange.check()
    return from_laps("steady", laps, wall)
