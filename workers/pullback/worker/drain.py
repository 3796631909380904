"""One drain: takes a lane's jobs in batches, has them evaluated, and finishes them, until it has to go.

Between two looks at the lane it takes submitted jobs, where some wait and no waited ones do.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from pullback.broker import FinishedJob
from pullback.contract.errors import Cancelled
from pullback.contract.lifecycle import State, after
from pullback.contract.status import to_status
from pullback.evaluator import Job
from pullback.v1 import gradient_pb2
from pullback.worker.appetite import Appetite
from pullback.worker.calling import OnCall
from pullback.worker.meters import NO_METERS
from pullback.worker.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pullback.broker import LaneDrain, TakenJob
    from pullback.evaluator import Outcome
    from pullback.worker.hand import Hand
    from pullback.worker.meters import AbstractMeters
    from pullback.worker.settings import WorkerSettings
    from pullback.worker.shelf import ShelfWork
    from pullback.worker.stopping import StopFlag

# How long one look at an empty lane waits, in ms: a drain notices that it has to stop after so long.
BLOCK_MS = 500

_GIVEN_UP = gradient_pb2.EvaluateOutcome(
    error=to_status(Cancelled("nobody waits for the evaluation any more"))
).SerializeToString()


class Drain:
    """Works a lane off, and its device's shelves while the lane is empty. Made for one run."""

    def __init__(
        self,
        lane: LaneDrain,
        shelf: ShelfWork,
        hand: Hand,
        settings: WorkerSettings,
        *,
        stop: StopFlag,
        clock_offset_ms: Callable[[], int],
        meters: AbstractMeters = NO_METERS,
    ) -> None:
        self._meters = meters
        self._lane = lane
        self._shelf = shelf
        self._hand = hand
        self._settings = settings
        self._stop = stop
        self._clock_offset_ms = clock_offset_ms
        self._appetite = Appetite(settings.batch)
        self._on_call = OnCall()

    def run(self) -> bool:
        """Works until there is nothing to do for a while, the lease is over, or the worker stops.

        Returns:
            Whether work was left behind, so that another drain must be woken.
        """
        patiently(self._lane.join)
        begun = idle_since = time.monotonic()
        done: list[FinishedJob] = []
        # A drain may be woken for the shelves alone.
        block_ms = 0
        while True:
            taken = patiently(partial(self._lane.take, self._appetite.count, block_ms, done))
            now = time.monotonic()
            done = []
            self._shelf.compare()
            if taken:
                with self._meters.batch(len(taken)):
                    done = self._work(taken)
                idle_since = time.monotonic()
                self._appetite.digest(len(taken), idle_since - now)
            wait_ms, block_ms = self._on_call.wait_ms(found=bool(taken)), BLOCK_MS
            if self._lane.backlog and not self._stop:
                block_ms = wait_ms
                if not taken or self._shelf.is_due:
                    patiently(partial(self._lane.finish, done))
                    done = []
                    if self._shelf.turn():
                        idle_since = time.monotonic()
                    elif not taken:
                        block_ms = BLOCK_MS
            if self._stop or now - begun > self._settings.lease_seconds:
                patiently(partial(self._lane.finish, done))
                self._shelf.release()
                return patiently(lambda: self._lane.leave(in_any_case=True)) == "wake"
            idle = not taken and now - idle_since >= self._settings.linger_seconds
            if idle and patiently(lambda: self._lane.leave(in_any_case=False)) == "left":
                return False

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


def _job(key: str, job: TakenJob, payload: bytes, offset_ms: int) -> Job:
    # Deadlines are by the clock of Redis, and evaluators go by this machine's.
    return Job(key, payload, job.accepted_ms, job.deadline_ms - offset_ms, tenant=job.tenant)


def _try_again(job: Job) -> Job:
    # The lane knows nothing of it: the time limit goes on.
    return job._replace(deaths=job.deaths + 1)


def _finished(job: TakenJob, outcome: Outcome) -> FinishedJob:
    return FinishedJob(job, after(State.RUNNING, outcome.event), outcome.message)
