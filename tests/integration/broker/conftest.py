from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pytest
from tests.turns import turn

from pullback.broker import (
    Acceptor,
    FinishedJob,
    LaneDrain,
    Line,
    Pipe,
    ResultReader,
    Slot,
    Sweeper,
    connect,
    connect_async,
    new_job,
)
from pullback.contract.lifecycle import State
from pullback.contract.names import lane_key
from pullback.contract.tensors import encode
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence

    from pullback.broker import Answer, NewJob, TakenJob

Seen = asyncio.Queue[tuple[str, bytes]]

LANE = lane_key("cpu")
RETENTION_MS = 60_000


def job(value: float = 1.0, job_id: str = "", *, device: Any = 0, timeout_ms: int = 30_000) -> NewJob:
    """Makes a job whose evaluation is told apart by one number."""
    evaluation = evaluation_pb2.Evaluation(
        program="y = x", inputs={"x": encode(np.array(value))}, device=device
    )
    return new_job(job_id or uuid4().hex, evaluation, timeout_ms=timeout_ms, retention_ms=RETENTION_MS)


def succeed(jobs: Iterable[TakenJob], outcome: bytes = b"outcome") -> list[FinishedJob]:
    """Finishes taken jobs, each with the same outcome."""
    return [FinishedJob(taken, State.SUCCEEDED, outcome) for taken in jobs]


@dataclass
class Broker:
    """Both sides of the broker over one empty Redis.

    Attributes:
        woken: lanes for which a wake-up was asked.
        lost: jobs that a reader found gone.
        reader: the reader that was made last.
    """

    url: str
    redis: Any
    sync: Any
    pipe: Pipe
    line: Line
    woken: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    reader: ResultReader = field(init=False)

    def acceptor(self, gateway: str = "gateway") -> Acceptor:
        """Makes the accepting side of one gateway."""
        return Acceptor(self.pipe, gateway, wake=self.woken.append)

    async def accept(self, *jobs: NewJob, gateway: str = "gateway") -> list[Answer]:
        """Accepts jobs in one script and gives the answers."""
        acceptor = self.acceptor(gateway)
        futures: list[asyncio.Future[Answer]] = []
        for each in jobs:
            future = asyncio.get_running_loop().create_future()
            futures.append(future)
            acceptor.accept(each, future.set_result)
        return [await future for future in futures]

    def slot(self, device: str = "cpu") -> Slot:
        """Makes a worker slot that is alive."""
        slot = Slot(self.sync, device, uuid4().hex)
        slot.beat()
        return slot

    def drain(self, lane: str = LANE) -> LaneDrain:
        """Makes a drain that is alive."""
        drain = LaneDrain(self.line, lane, uuid4().hex)
        drain.join()
        return drain

    def sweeper(self, gateway: str = "gateway") -> Sweeper:
        """Makes a gateway's sweeper."""
        return Sweeper(self.redis, gateway, self.woken.append)

    async def abandon(self, job_id: str, gateway: str = "gateway") -> None:
        """Gives a job up on behalf of a gateway."""
        self.acceptor(gateway).abandon(job_id)
        await turn()
        # Redis answers in order, so the job is given up when this is answered.
        await self.pipe.call("PING")

    @asynccontextmanager
    async def reading(self, gateway: str = "gateway", waiting: Sequence[str] = ()) -> AsyncIterator[Seen]:
        """Reads a gateway's results, and gives the queue that they are put into."""
        seen: Seen = asyncio.Queue()
        pipe = Pipe(self.url)
        self.reader = reader = ResultReader(
            pipe,
            self.redis,
            gateway,
            lambda *outcome: seen.put_nowait(outcome),
            lambda: waiting,
            lost=self.lost.append,
        )
        tasks = [asyncio.create_task(work) for work in (pipe.keep(), reader.run())]
        await reader.connected.wait()
        yield seen
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def kill(self, drain: LaneDrain) -> None:
        """Makes a drain look as if it had been silent for too long."""
        self.sync.zrem(f"{drain.lane}:drains", drain.name)


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[Broker]:
    """An empty Redis with both sides connected."""
    sync = connect(redis_url)
    redis = connect_async(redis_url)
    pipe = Pipe(redis_url)
    line = Line(redis_url, blocking_seconds=5)
    sync.flushall()
    await pipe.open()
    yield Broker(redis_url, redis, sync, pipe, line)
    pipe.close()
    line.close()
    await redis.aclose()
    sync.close()
