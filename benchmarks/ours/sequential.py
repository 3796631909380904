"""One caller, one evaluation at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import grpc.aio

from benchmarks.figures import Figure, from_laps
from benchmarks.ours.wire import Exchange, stub
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds. No call of these rows takes longer unless the service is stuck.
DEADLINE = 30.0


async def unary(address: str, seconds: float) -> Figure:
    """Calls `Evaluate` over and over from a plain blocking client; a call is from number to numbers."""
    with grpc.insecure_channel(address) as channel:
        evaluate = stub(channel).Evaluate
        exchange = Exchange()

        def call() -> None:
            request = exchange.request()
            exchange.keep(request.request_id, evaluate(request, timeout=DEADLINE).result)

        laps, wall = _repeat(call, seconds)
    exchange.check()
    return from_laps("unary", laps, wall)


def _repeat(call: Callable[[], None], seconds: float) -> tuple[list[float], float]:
    laps: list[float] = []
    start = now = time.perf_counter()
    while now < start + seconds:
        call()
        before, now = now, time.perf_counter()
        laps.append(now - before)
    return laps, now - start


async def stream(address: str, seconds: float) -> Figure:
    """Writes one evaluation to a stream and reads its outcome, over and over."""
    laps: list[float] = []
    async with grpc.aio.insecure_channel(address) as channel:
        call = stub(channel).EvaluateStream()
        exchange = Exchange()
        start = now = time.perf_counter()
        while now < start + seconds:
            await call.write(gradient_pb2.EvaluateStreamRequest(requests=[exchange.request()]))
            exchange.keep_outcomes(await call.read())
            before, now = now, time.perf_counter()
            laps.append(now - before)
        await call.done_writing()
    exchange.check()
    return from_laps("stream", laps, now - start)
