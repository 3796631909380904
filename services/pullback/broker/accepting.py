"""The gateway's way into Redis: accepts evaluations, and gives them up, for all that ask at the same time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import OutOfMemoryError

from pullback.broker import scripts
from pullback.broker.pipe import Script
from pullback.broker.tuning import ENTRY_BYTES, ENTRY_JOBS, INLINE_EVALUATION_BYTES, WAKE_LIFE_MS
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
    cancels_key,
    drains_key,
    evaluation_key,
    given_up_key,
    holders_key,
    job_key,
    lane_key,
    nodes_key,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pullback.broker.jobs import NewJob
    from pullback.broker.pipe import Pipe, Reply

log = logging.getLogger(__name__)

# Jobs and bytes in one script: Redis does nothing else meanwhile, and 1,000 jobs take it about 5 ms. Since one script
# runs at a time, fewer would hold a stream up: with 500 it came to 45,000 evaluations a second, with 1,000 to 51,000.
JOBS_AT_ONCE = 1_000
BYTES_AT_ONCE = 4 * 2**20

# In company, a job waits so long at most, in seconds, until an entry's worth has come together.
GATHER_SECONDS = 0.004

# Company is so many other jobs under way. Fewer will do where jobs come in a crowd, so many within so many seconds:
# most of fifty callers wait in front of a busy gateway, which then has a few jobs at a time, and would send them singly
# for ever.
COMPANY = 8
CROWD_COMPANY = 3
CROWD = 12
CROWD_SECONDS = 0.008

_CLASSES = tuple(DEVICE_CLASSES.values())
_CLASS_KEYS = [
    key
    for device in _CLASSES
    for key in (
        nodes_key(device),
        lane_key(device),
        drains_key(lane_key(device)),
        holders_key(device),
    )
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


#: A job with what to call when it was accepted, or the id of one to give up.
Errand = tuple["NewJob", "Callable[[Answer], None]"] | str


class Acceptor:
    """Accepts jobs and gives them up, many in one script: what comes while a script runs shares the next.

    Strategy: one line for both, and one script at a time, so that Redis sees things in the order in which they were
    asked for. A job that is given up and asked for again must not be forgotten after it was accepted anew.
    """

    def __init__(self, pipe: Pipe, gateway: str, *, wake: Callable[[str], None]) -> None:
        """Makes an acceptor.

        Args:
            pipe: a connection for short commands.
            gateway: the name under which this gateway reads results.
            wake: called with the name of a lane that needs a drain; must not block.
        """
        self._pipe = pipe
        self._accept = Script(scripts.source(scripts.ACCEPT))
        self._abandon = Script(scripts.source(scripts.ABANDON))
        self._gateway = gateway
        self._wake = wake
        self._line: deque[Errand] = deque()
        self._busy = False
        self._company = 0
        self._gathering: asyncio.TimerHandle | None = None
        self._arrivals = deque([float("-inf")] * CROWD, CROWD)

    def accept(self, job: NewJob, answer: Callable[[Answer], None], *, company: int = 0) -> None:
        """Accepts a job durably, or not at all, and calls `answer` with what came of it.

        In company the job waits a moment for others, for a script and an entry of the lane cost the same for one job as
        for many: with 50 callers this doubled what two cores answered (docs/decisions/0011).

        There is nothing to cancel: a caller that goes away in between hears of an accepted job, and can give it up.
        A job whose answer is `QueueUnavailable` may have been accepted: its id tells, when it is sent again.

        Args:
            job: what to accept.
            answer: called once, in the event loop; must not raise.
            company: how many jobs are waited for at the moment, this one left out.
        """
        self._line.append((job, answer))
        self._company = company
        self._arrivals.append(time.monotonic())
        self._hurry()

    def abandon(self, job_id: str) -> None:
        """Stops a job that nobody else waits for.

        Does its best: where Redis cannot be reached, the job runs on until its own time limit.
        """
        self._line.append(job_id)
        self._hurry()

    def _hurry(self) -> None:
        if not self._busy:
            self._busy = True
            loop = asyncio.get_running_loop()
            if self._has_company():
                self._gathering = loop.call_later(GATHER_SECONDS, self._next)
            else:
                # Not at once: what came in one message, or in one turn of the loop, goes together.
                loop.call_soon(self._next)
        elif self._gathering and len(self._line) >= ENTRY_JOBS:
            self._gathering.cancel()
            self._gathering = None
            asyncio.get_running_loop().call_soon(self._next)

    def _has_company(self) -> bool:
        # Those in line are no company: while they wait, nobody works.
        others = self._company + 1 - len(self._line)
        crowded = self._arrivals[-1] - self._arrivals[0] < CROWD_SECONDS
        return others >= (CROWD_COMPANY if crowded else COMPANY)

    def _next(self) -> None:
        self._gathering = None
        if isinstance(self._line[0], str):
            self._run_abandon()
        else:
            self._run_accept()

    def _done(self) -> None:
        self._busy = False
        if self._line:
            self._hurry()

    def _run_abandon(self) -> None:
        job_ids: list[str] = []
        while self._line and len(job_ids) < JOBS_AT_ONCE:
            errand = self._line[0]
            if not isinstance(errand, str):
                break
            job_ids.append(errand)
            self._line.popleft()
        keys = [job_key(each) for each in job_ids]
        arguments = [GROUP, self._gateway, cancels_key(""), evaluation_key(""), given_up_key(""), *job_ids]
        self._pipe.run(self._abandon, keys, arguments, self._abandoned)

    def _abandoned(self, reply: Reply) -> None:
        if isinstance(reply, Exception):
            log.warning("abandoned jobs run on: %s", type(reply).__name__)
        self._done()

    def _run_accept(self) -> None:
        batch = self._take()
        keys = list(_CLASS_KEYS)
        arguments: list[Any] = [
            len(_CLASSES),
            GROUP,
            self._gateway,
            WAKE_LIFE_MS,
            ENTRY_JOBS,
            ENTRY_BYTES,
            evaluation_key(""),
        ]
        longs = []
        for job, _ in batch:
            keys.append(job_key(job.job_id))
            long = len(job.payload) > INLINE_EVALUATION_BYTES
            arguments.append(job.packed(long=long))
            if long:
                longs.append(job.payload)
        arguments += longs
        self._pipe.run(self._accept, keys, arguments, partial(self._accepted, batch))

    def _take(self) -> list[tuple[NewJob, Callable[[Answer], None]]]:
        batch: list[tuple[NewJob, Callable[[Answer], None]]] = []
        size = 0
        while self._line and len(batch) < JOBS_AT_ONCE:
            errand = self._line[0]
            if isinstance(errand, str):
                break
            size += len(errand[0].payload)
            if batch and size > BYTES_AT_ONCE:
                break
            batch.append(errand)
            self._line.popleft()
        return batch

    def _accepted(self, batch: list[tuple[NewJob, Callable[[Answer], None]]], reply: Reply) -> None:
        if isinstance(reply, Exception):
            answers: Sequence[Answer] = [_refusal(reply)] * len(batch)
        else:
            lanes, letters, *outcomes = reply
            known = iter(outcomes)
            answers = [_read(job, letter, known) for (job, _), letter in zip(batch, letters, strict=True)]
            for lane in lanes:
                self._wake(lane.decode())
        self._done()
        for (_, tell), answer in zip(batch, answers, strict=True):
            tell(answer)


def _refusal(reply: Exception) -> PullbackError:
    if isinstance(reply, OutOfMemoryError):
        return Overloaded("the queue is full; nothing of this request was kept")
    if not isinstance(reply, RedisConnectionError):
        log.error("Redis refused to accept: %s", reply)
    return QueueUnavailable("the queue cannot be reached; send the request again with the same request id")


def _read(job: NewJob, letter: int, known: Iterator[bytes]) -> Answer:
    match chr(letter):
        case "A" | "J":
            return _ACCEPTED
        case "D":
            return Known(next(known))
        case "C":
            return RequestIdReused(
                "was used before, with another evaluation; choose another id",
                field="request_id",
            )
        case "U":
            which = f"the device {_CLASSES[job.device - 1]}" if job.device else "any device"
            return DeviceNotServed(f"no live worker serves {which}", field="device")
        case other:
            raise AssertionError(other)
