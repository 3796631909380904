"""Submitted jobs, which nobody waits for: taken a few at a time, evaluated, and finished or put back."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from pullback.broker import Ended
from pullback.contract.errors import DeadlineExceeded
from pullback.contract.lifecycle import Event
from pullback.evaluator import Job, error_message
from pullback.worker.appetite import SHELF_SECONDS, Appetite
from pullback.worker.meters import NO_METERS
from pullback.worker.patience import patiently

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pullback.broker import HeldJob, ShelfDrain
    from pullback.evaluator import Outcome
    from pullback.worker.hand import Hand
    from pullback.worker.meters import AbstractMeters

# Jobs that were taken together are put back after so long, in seconds, and fewer are taken: whoever calls meanwhile
# waits for them. What was computed of them by then is lost; it is less than the search for the slow one would cost.
TOGETHER_SECONDS = 0.5

# The part of a drain's time that the shelves have at least, beside any number of calls.
LEAST_SHARE = 0.1

_EXPIRED = error_message(DeadlineExceeded("the job was not finished by its deadline"))


class ShelfWork:
    """What a drain does with its device's shelves. Not safe for use by several threads."""

    def __init__(
        self,
        shelves: ShelfDrain,
        hand: Hand,
        *,
        most: int,
        engine: Callable[[], str],
        clock_offset_ms: Callable[[], int],
        now: Callable[[], float] = time.time,
        stopwatch: Callable[[], float] = time.monotonic,
        meters: AbstractMeters = NO_METERS,
    ) -> None:
        """Makes it.

        Args:
            shelves: what to take from.
            hand: what runs jobs; its jobs may be interrupted.
            most: jobs that are never exceeded in one take.
            engine: gives the version of the engine that jobs run in.
            clock_offset_ms: gives the clock of Redis less ours.
            now: the time, in seconds since the epoch, as evaluators have it.
            stopwatch: a clock that only goes forward, in seconds.
            meters: count what is taken.
        """
        self._meters = meters
        self._shelves = shelves
        self._hand = hand
        self._engine = engine
        self._stopwatch = stopwatch
        self._clock = _Clock(now, clock_offset_ms)
        self._appetite = Appetite(most, SHELF_SECONDS)
        self._due = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time for a turn though somebody waits for other jobs."""
        return self._stopwatch() >= self._due

    def turn(self) -> bool:
        """Takes some jobs, and works on them until they are finished or put back.

        Returns:
            Whether there were any.
        """
        jobs = patiently(partial(self._shelves.take, self._appetite.count, self._engine()))
        if not jobs:
            return False
        begun = self._stopwatch()
        with self._meters.batch(len(jobs)):
            self._work(jobs)
        ended = self._stopwatch()
        self._appetite.digest(len(jobs), ended - begun)
        self._due = ended + (ended - begun) * (1 / LEAST_SHARE - 1)
        return True

    def compare(self) -> None:
        """Puts back what a Redis that was away says of us, and we do not know of."""
        patiently(self._shelves.compare)

    def release(self) -> None:
        """Puts back whatever is still held."""
        patiently(self._shelves.release)

    def _work(self, jobs: Sequence[HeldJob]) -> None:
        taken = _Take(self._shelves, self._hand.hold(jobs, may_interrupt=True), self._clock)
        since = self._stopwatch()
        for outcomes in self._hand.run(taken.jobs(), taken.again, patience=TOGETHER_SECONDS):
            now = self._stopwatch()
            seconds, since = (now - since) / max(len(outcomes), 1), now
            if ended := taken.ended(outcomes, seconds):
                patiently(partial(self._shelves.finish, ended, self._engine()))
        taken.put_back()


class _Clock(NamedTuple):
    """Our clock, by which evaluators go, beside that of Redis, by which jobs have their times."""

    now: Callable[[], float]
    offset_ms: Callable[[], int]

    def ours_ms(self) -> int:
        """Gives the time by our clock, in ms."""
        return int(self.now() * 1_000)

    def redis_ms(self) -> int:
        """Gives the time by that of Redis, in ms."""
        return self.ours_ms() + self.offset_ms()


class _Take:
    """What was taken at once, and what is left of it."""

    def __init__(self, shelves: ShelfDrain, held: Mapping[str, HeldJob], clock: _Clock) -> None:
        self._shelves = shelves
        self._held = dict(held)
        self._clock = clock
        self._is_shared = len(held) > 1
        # What went beyond its time limit beside others, and is to be tried by itself.
        self._overran: list[HeldJob] = []
        # Keys of jobs whose deadlines come before the ends of their attempts. Which it was is not to be told from the
        # time at the end: what is known of Redis' clock changes by some ms with each beat.
        self._bound_by_deadline: set[str] = set()

    def jobs(self) -> list[Job]:
        """Gives all jobs as an evaluator is to have them."""
        return [self._job(key, held) for key, held in self._held.items()]

    def _job(self, key: str, held: HeldJob) -> Job:
        # An attempt has its time limit from its beginning.
        limit_ms = self._clock.ours_ms() + held.timeout_ms
        deadline_ms = held.deadline_ms - self._clock.offset_ms()
        if deadline_ms <= limit_ms:
            self._bound_by_deadline.add(key)
        return Job(
            key,
            held.evaluation,
            held.accepted_ms,
            min(limit_ms, deadline_ms),
            tenant=held.tenant,
            most_deaths=held.max_attempts,
        )

    def again(self, job: Job) -> Job | None:
        """Begins the next attempt at a job that lost its evaluator."""
        held = self._held.pop(job.id)
        following = patiently(partial(self._shelves.next_attempt, held))
        if not following:
            return None
        self._held[job.id] = following
        return self._job(job.id, following)._replace(deaths=job.deaths + 1)

    def ended(self, outcomes: Sequence[Outcome], seconds: float) -> list[Ended]:
        """Gives what is to be written of outcomes, each of which took `seconds`."""
        return [end for outcome in outcomes if (end := self._ended(outcome, seconds))]

    def _ended(self, outcome: Outcome, seconds: float) -> Ended | None:
        job = self._held.pop(outcome.job_id)
        if outcome.event is not Event.EXPIRE:
            return Ended(job, outcome.event, outcome.message, seconds)
        if outcome.job_id in self._bound_by_deadline or job.deadline_ms <= self._clock.redis_ms():
            return Ended(job, Event.EXPIRE, _EXPIRED, seconds)
        if self._is_shared:
            self._overran.append(job)
            return None
        return Ended(job, Event.FAIL, outcome.message, seconds)

    def put_back(self) -> None:
        """Puts back what is neither finished nor lost."""
        if self._held:
            patiently(partial(self._shelves.put_back, list(self._held.values())))
        if self._overran:
            patiently(partial(self._shelves.put_back, self._overran, alone=True))
