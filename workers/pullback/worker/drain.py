"""One drain: takes a lane's jobs in batches, has them evaluated, and finishes them, until it has to go."""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from redis.exceptions import (
    BusyLoadingError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from pullback.broker import FinishedJob
from pullback.contract.errors import Cancelled
from pullback.contract.lifecycle import State, after
from pullback.contract.status import to_status
from pullback.evaluator import Job
from pullback.v1 import gradient_pb2
from pullback.worker.appetite import Appetite
from pullback.worker.hand import Hand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pullback.broker import LaneDrain, Quarantine, TakenJob
    from pullback.evaluator import Isolator, Outcome
    from pullback.worker.settings import WorkerSettings
    from pullback.worker.stopping import StopFlag

log = logging.getLogger(__name__)

# How long one look at an empty lane waits, in ms: a drain notices that it has to stop after so long.
BLOCK_MS = 500

# Redis may be away for so long, in seconds, before a drain gives up its outcomes; others run the jobs again.
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.1

_GIVEN_UP = gradient_pb2.EvaluateOutcome(
    error=to_status(Cancelled("nobody waits for the evaluation any more"))
).SerializeToString()

_AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError)

T = TypeVar("T")


class Drain:
    """Works a lane off. Made for one run."""

    def __init__(
        self,
        lane: LaneDrain,
        isolator: Isolator,
        quarantine: Quarantine,
        settings: WorkerSettings,
        *,
        stop: StopFlag,
        clock_offset_ms: Callable[[], int],
    ) -> None:
        self._lane = lane
        self._hand: Hand[TakenJob] = Hand(isolator, quarantine)
        self._settings = settings
        self._stop = stop
        self._clock_offset_ms = clock_offset_ms
        self._appetite = Appetite(settings.batch)

    def run(self) -> bool:
        """Works until the lane is empty for a while, the lease is over, or the worker stops.

        Returns:
            Whether work was left behind, so that another drain must be woken.
        """
        patiently(self._lane.join)
        begun = idle_since = time.monotonic()
        done: list[FinishedJob] = []
        while True:
            taken = patiently(partial(self._lane.take, self._appetite.count, BLOCK_MS, done))
            now = time.monotonic()
            done = []
            if taken:
                done = self._work(taken)
                self._appetite.digest(len(taken), time.monotonic() - now)
                idle_since = time.monotonic()
            if self._stop or now - begun > self._settings.lease_seconds:
                patiently(partial(self._lane.finish, done))
                return patiently(lambda: self._lane.leave(in_any_case=True)) == "wake"
            idle = not taken and now - idle_since >= self._settings.linger_seconds
            if idle and patiently(lambda: self._lane.leave(in_any_case=False)) == "left":
                return False

    def cancel(self, place: str) -> None:
        """Stops a job that nobody waits for; from any thread."""
        self._hand.cancel(place)

    def _work(self, taken: list[TakenJob]) -> list[FinishedJob]:
        """Has jobs evaluated, and finishes each when it is done.

        Returns:
            The last ones, which are done but not finished: that can go along with the next look at the lane.
        """
        left = len(taken)
        last: list[FinishedJob] = []
        for done in self._done(self._hand.hold(taken)):
            left -= len(done)
            if left:
                patiently(partial(self._lane.finish, done))
            else:
                last = done
        return last

    def _done(self, taken: Mapping[str, TakenJob]) -> Iterator[list[FinishedJob]]:
        """Evaluates what was taken, and gives every job once, as it is done."""
        offset = self._clock_offset_ms()
        # Those whose evaluations came with the lane are one batch, and each long one is evaluated by itself.
        yield from self._evaluate(
            [_job(key, job, job.payload, offset) for key, job in taken.items() if job.payload], taken
        )
        for key, job in taken.items():
            if not job.payload:
                payload = patiently(partial(self._lane.payload, job))
                if payload is None:
                    # Nobody waits for it any more; finishing it takes it off the lane.
                    yield [FinishedJob(job, State.CANCELLED, _GIVEN_UP)]
                else:
                    yield from self._evaluate([_job(key, job, payload, offset)], taken)

    def _evaluate(self, jobs: list[Job], taken: Mapping[str, TakenJob]) -> Iterator[list[FinishedJob]]:
        for outcomes in self._hand.run(jobs, _try_again):
            yield [_finished(taken[outcome.job_id], outcome) for outcome in outcomes]


def patiently(command: Callable[[], T]) -> T:
    """Runs a command against Redis, and again while Redis is away.

    Only for commands that may run twice: joining and leaving are idempotent, what a second take leaves behind is swept,
    and a second finish finds its work done.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return command()
        except _AWAY as error:
            if time.monotonic() > until:
                raise
            log.warning("the queue cannot be reached: %s", type(error).__name__)
            time.sleep(RETRY_SECONDS)


def _job(key: str, job: TakenJob, payload: bytes, offset_ms: int) -> Job:
    # Deadlines are by the clock of Redis, and evaluators go by this machine's.
    return Job(key, payload, job.accepted_ms, job.deadline_ms - offset_ms, tenant=job.tenant)


def _try_again(job: Job) -> Job:
    # The lane knows nothing of it: the time limit goes on.
    return job._replace(deaths=job.deaths + 1)


def _finished(job: TakenJob, outcome: Outcome) -> FinishedJob:
    return FinishedJob(job, after(State.RUNNING, outcome.event), outcome.message)
