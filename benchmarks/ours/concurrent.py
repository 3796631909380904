"""Many evaluations at once, from one client process."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import grpc.aio

from benchmarks.figures import Figure, from_laps
from benchmarks.ours.sequential import DEADLINE
from benchmarks.ours.wire import Exchange, stub
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

CALLERS = 50

# Evaluations in one message of a stream.
BATCH = 256

# Messages sent before the first outcome is waited for: as many evaluations as the SDK keeps in flight by itself.
BATCHES_IN_FLIGHT = 16


async def callers(address: str, seconds: float) -> Figure:
    """Calls `Evaluate` from 50 tasks over one channel, each waiting for its answer before the next call."""
    laps: list[float] = []
    exchange = Exchange()
    async with grpc.aio.insecure_channel(address) as channel:
        evaluate = stub(channel).Evaluate
        start = time.perf_counter()

        async def caller() -> None:
            now = time.perf_counter()
            while now < start + seconds:
                request = exchange.request()
                response = await evaluate(request, timeout=DEADLINE)
                exchange.keep(request.request_id, response.result)
                before, now = now, time.perf_counter()
                laps.append(now - before)

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(caller())
        wall = time.perf_counter() - start
    exchange.check()
    return from_laps("callers", laps, wall)


async def stream256(address: str, seconds: float) -> Figure:
    """Streams messages of 256 evaluations with several in flight; single evaluations are not timed."""
    exchange = Exchange()
    window = asyncio.Semaphore(BATCHES_IN_FLIGHT)
    async with grpc.aio.insecure_channel(address) as channel:
        call = stub(channel).EvaluateStream()
        start = time.perf_counter()

        async def send() -> None:
            while time.perf_counter() < start + seconds:
                await window.acquire()
                requests = [exchange.request() for _ in range(BATCH)]
                await call.write(gradient_pb2.EvaluateStreamRequest(requests=requests))
            await call.done_writing()

        async with asyncio.TaskGroup() as group:
            group.create_task(send())
            group.create_task(_receive(call, exchange, window))
        wall = time.perf_counter() - start
    exchange.check()
    return Figure("stream256", exchange.answered, wall)


async def _receive(
    call: AsyncIterable[gradient_pb2.EvaluateStreamResponse], exchange: Exchange, window: asyncio.Semaphore
) -> None:
    batches = 0
    async for response in call:
        exchange.keep_outcomes(response)
        while batches < exchange.answered // BATCH:
            batches += 1
            window.release()
