"""Health checks while every worker computes.

Strategy: the load comes from another process, since its big messages must not hold up the checks in this one.
"""

from __future__ import annotations

import asyncio
import multiprocessing

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.figures import Figure, from_laps
from benchmarks.ours import heavy
from benchmarks.ours.pacing import paced
from benchmarks.ours.sequential import DEADLINE
from benchmarks.polynomial import WrongAnswerError

# Seconds from one check to the next.
INTERVAL = 0.02


async def health(address: str, seconds: float) -> Figure:
    """Checks health every 20 ms while twice as many heavy evaluations are in flight as there are cores."""
    spawn = multiprocessing.get_context("spawn")
    under_way, finished = spawn.Event(), spawn.Event()
    load = spawn.Process(target=heavy.keep_busy, args=(address, under_way, finished))
    load.start()
    try:
        if not await asyncio.to_thread(under_way.wait, DEADLINE):
            raise WrongAnswerError("no heavy evaluation was answered")
        laps, wall = await _check(address, seconds)
        finished.set()
        await asyncio.to_thread(load.join, DEADLINE)
        if load.exitcode != 0:
            raise WrongAnswerError("a heavy evaluation failed")
    finally:
        load.kill()
    return from_laps("health", laps, wall)


async def _check(address: str, seconds: float) -> tuple[list[float], float]:
    async with grpc.aio.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check

        async def call() -> None:
            response = await check(health_pb2.HealthCheckRequest(), timeout=DEADLINE)
            if response.status != health_pb2.HealthCheckResponse.SERVING:
                raise WrongAnswerError(f"health is {response.status}")

        await call()  # connects
        return await paced(call, INTERVAL, seconds)
