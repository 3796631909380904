"""The gateway's way into Redis: accepts evaluations in one script for all that ask at the same time."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from redis.exceptions import OutOfMemoryError, RedisError

from pullback.broker import scripts
from pullback.broker.tuning import INLINE_EVALUATION_BYTES, WAKE_LIFE_MS
from pullback.contract.errors import (
    DeviceNotServed,
    Overloaded,
    PullbackError,
    QueueUnavailable,
    RequestIdReused,
)
from pullback.contract.names import (
    DEVICE_CLASSES,
    GROUP,
    PREFIX,
    drains_key,
    job_key,
    lane_key,
    nodes_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio.client import Redis

    from pullback.broker.jobs import NewJob

# Jobs and bytes in one script: Redis does nothing else meanwhile, and 500 jobs take it about 5 ms.
JOBS_AT_ONCE = 500
BYTES_AT_ONCE = 4 * 2**20

_CLASS_KEYS = [
    key
    for device in DEVICE_CLASSES.values()
    for key in (nodes_key(device), lane_key(device), drains_key(lane_key(device)))
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The job waits in its lane, or waited there already."""


@dataclass(frozen=True, slots=True)
class Known:
    """The same request was finished before; `outcome` is its serialised `EvaluateOutcome`."""

    outcome: bytes


Answer = Accepted | Known | PullbackError
_ACCEPTED = Accepted()


class Acceptor:
    """Accepts jobs, many in one script: those that arrive while a script runs share the next."""

    def __init__(self, redis: Redis, gateway: str, *, retention_ms: int, wake: Callable[[str], None]) -> None:
        """Makes an acceptor.

        Args:
            redis: a client for short commands.
            gateway: the name under which this gateway reads results.
            retention_ms: how long a record outlives its job's time limit.
            wake: called with the name of a lane that needs a drain; must not block.
        """
        self._script = redis.register_script(scripts.source(scripts.ACCEPT))
        self._gateway = gateway
        self._retention_ms = retention_ms
        self._wake = wake
        self._pending: deque[tuple[NewJob, Callable[[Answer], None]]] = deque()
        self._flushing: asyncio.Task[None] | None = None

    def accept(self, job: NewJob, answer: Callable[[Answer], None]) -> None:
        """Accepts a job durably, or not at all, and calls `answer` with what came of it.

        There is nothing to cancel: a caller that goes away in between hears of an accepted job, and can give it up.
        A job whose answer is `QueueUnavailable` may have been accepted: its id tells, when it is sent again.
        """
        self._pending.append((job, answer))
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while self._pending:
                batch = self._take()
                for (_, tell), answer in zip(batch, await self._run([job for job, _ in batch]), strict=True):
                    tell(answer)
        finally:
            self._flushing = None

    def _take(self) -> list[tuple[NewJob, Callable[[Answer], None]]]:
        batch = [self._pending.popleft()]
        size = len(batch[0][0].payload)
        while self._pending and len(batch) < JOBS_AT_ONCE:
            size += len(self._pending[0][0].payload)
            if size > BYTES_AT_ONCE:
                break
            batch.append(self._pending.popleft())
        return batch

    async def _run(self, jobs: list[NewJob]) -> Sequence[Answer]:
        keys = [*_CLASS_KEYS, *(job_key(job.job_id) for job in jobs)]
        arguments: list[Any] = [
            len(DEVICE_CLASSES), GROUP, self._gateway, self._retention_ms, WAKE_LIFE_MS, INLINE_EVALUATION_BYTES,
        ]  # fmt: skip
        for job in jobs:
            arguments += (job.job_id, job.lane, job.timeout_ms, job.digest, job.payload)
        try:
            lanes, *answers = await self._script(keys=keys, args=arguments)
        except OutOfMemoryError:
            error: PullbackError = Overloaded("the queue is full; nothing of this request was kept")
            return [error] * len(jobs)
        except (RedisError, OSError):
            error = QueueUnavailable(
                "the queue cannot be reached; send the request again with the same request id"
            )
            return [error] * len(jobs)
        for lane in lanes:
            self._wake(lane.decode())
        return [_read(job, answer) for job, answer in zip(jobs, answers, strict=True)]


def _read(job: NewJob, answer: list[bytes]) -> Answer:
    match answer[0]:
        case b"accepted" | b"joined":
            return _ACCEPTED
        case b"done":
            return Known(answer[1])
        case b"conflict":
            return RequestIdReused(
                f"{job.job_id!r} was used before, with another evaluation; choose another id",
                field="request_id",
            )
        case b"unserved":
            device = job.lane.removeprefix(f"{PREFIX}lane:").partition(":")[0]
            which = f"the device {device}" if device else "any device"
            return DeviceNotServed(f"no live worker serves {which}", field="device")
        case other:
            raise AssertionError(other)
