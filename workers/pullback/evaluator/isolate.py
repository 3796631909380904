"""How the jobs of a drain share evaluators without sharing their fate.

Strategy. Jobs run as one batch, because that is what makes them cheap. A batch that ends badly, by a crash or
by taking too long, has a culprit that nobody knows, so its jobs run again one by one in fresh evaluators:

1. A batch is cut at a share of the time that its most urgent job has left: the rest is for running again.
2. Alone, the most urgent job comes first, and each gets a short slice of time. One that overruns it goes behind the
   others, and gets twice the slice next time: a job that hangs delays its neighbours by slices, and itself until its
   deadline. The last job left needs no slice.
3. A job that dies alone is the culprit. It is lost once, for the caller to try again with `Job.deaths`
   raised; the second time, it fails. A job with deaths is never put into a batch. Crashes are told of as they happen;
   where that is one too many for the program, the job fails at once.
4. A job that finds no memory in a batch may have none because of the others, so it runs again alone.
5. A cancelled job takes its evaluator along. That is nobody's fault, so the rest run again as a batch.
6. Whoever can have jobs run later says for how long they may run together. Several that take longer are given up,
   without outcomes: fewer of them at once cost less than to find out who it was.

Who may be in one batch, and in one evaluator, is `Supply`'s business.

Everything is by the clock that deadlines are written by. A deadline that passes while a job waits costs no
evaluator.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Self

from pullback.contract.lifecycle import Event
from pullback.evaluator import verdicts
from pullback.evaluator.errors import EvaluatorDied, EvaluatorRetired, EvaluatorTimedOut
from pullback.evaluator.frames import MAX_ENTRIES
from pullback.evaluator.supply import Isolation, Supply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from pullback.evaluator.job import Job, Outcome
    from pullback.evaluator.supply import AbstractEvaluator

# The part of the most urgent job's time that a batch may take.
BATCH_SHARE = 0.25

# A batch is never cut sooner than this, in seconds. A job may be stopped late by so much. Cut shorter, a long queue,
# where some job is always urgent, would waste all work.
SLICE_SECONDS = 0.25

# The first slice of a job alone, in seconds: a hundred times what a small job takes, and three times what it takes to
# make another evaluator. Fifteen jobs that hang hold their neighbours up for a second.
FIRST_SLICE_SECONDS = 0.05

# Bytes of evaluations in one batch. More are split: the results, too, have to fit into one frame.
BATCH_BYTES = 1 << 27


class Isolator:
    """Runs batches of jobs in evaluators, one at a time, and replaces evaluators that die.

    One thread runs; any thread may cancel.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractEvaluator],
        now: Callable[[], float] = time.time,
        *,
        isolation: Isolation = Isolation.CHILD,
    ) -> None:
        """Prepares to run; no evaluator is made before it is needed.

        Args:
            connect: makes an evaluator.
            now: the time, in seconds since the epoch.
            isolation: who may share an evaluator.
        """
        self._supply = Supply(connect, isolation)
        self._now = now
        #: Told of a job that made native code crash, and how much that counts; says whether its program is refused now.
        self.on_crash: Callable[[Job, int], bool] = lambda _job, _weight: False
        #: Told why an evaluator ended that had jobs.
        self.on_end: Callable[[str], None] = lambda _cause: None
        self._evaluator: AbstractEvaluator | None = None
        # The lock guards these: jobs without an outcome, those in the evaluator, and those to be cancelled.
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._running: set[str] = set()
        self._cancelled: set[str] = set()

    def run(
        self, jobs: Sequence[Job], cancelled: Collection[str] = (), *, patience: float = math.inf
    ) -> Iterator[list[Outcome]]:
        """Runs jobs, and yields outcomes as soon as they are known: exactly one for each job that is not given up.

        Args:
            jobs: jobs with different ids.
            cancelled: ids of those that are not to run. Looked at once, when `cancel` knows of the jobs: whoever adds
                to it first, and then calls `cancel`, stops a job at whatever moment.
            patience: seconds after which jobs are given up, where there are several.

        Raises:
            EvaluatorUnavailable: no evaluator can be had. The jobs without an outcome were not harmed.
        """
        with self._lock:
            self._open = {job.id for job in jobs}
            self._cancelled = self._open.intersection(cancelled)
        until = self._now() + patience if len(jobs) > 1 else math.inf
        try:
            suspects: list[Job] = []
            for company in self._supply.companies(jobs):
                if len(company) == 1:
                    suspects += company
                    continue
                suspects += [job for job in company if job.deaths]
                for batch in _split(job for job in company if not job.deaths):
                    yield from self._run_together(batch, suspects, until)
            yield from self._run_alone(suspects, until)
        finally:
            with self._lock:
                self._open.clear()
                self._cancelled.clear()

    def cancel(self, job_id: str) -> bool:
        """Stops a job, from any thread. One that finishes at this moment keeps its own outcome.

        Returns:
            Whether `run` has the job and no outcome of it yet.
        """
        with self._lock:
            if job_id not in self._open:
                return False
            self._cancelled.add(job_id)
            if job_id in self._running and self._evaluator:
                self._evaluator.kill()
            return True

    def close(self) -> None:
        """Ends the evaluators. Not while `run` runs."""
        self._evaluator = None
        self._supply.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run_together(self, batch: list[Job], suspects: list[Job], until: float) -> Iterator[list[Outcome]]:
        while len(batch) > 1:
            refused = self._refuse(batch)
            if refused:
                yield refused
                batch = self._still_open(batch)
                continue
            first_deadline = min(job.deadline_ms for job in batch)
            seconds = max(BATCH_SHARE * self._seconds_until(first_deadline), SLICE_SECONDS)
            try:
                outcomes = self._evaluate(batch, min(seconds, max(until - self._now(), 0.0)))
            except (EvaluatorDied, EvaluatorTimedOut):
                if self._has_cancelled(batch):
                    continue
                break
            yield [outcome for outcome in outcomes if outcome.event is not Event.LOSE]
            # Looked for last: hardly ever is there one.
            batch = self._still_open(batch)
            break
        suspects += batch

    def _run_alone(self, suspects: list[Job], until: float) -> Iterator[list[Outcome]]:
        seconds = FIRST_SLICE_SECONDS
        while suspects:
            suspects.sort(key=lambda job: job.deadline_ms)
            slow: list[Job] = []
            for place, job in enumerate(suspects, start=1):
                is_last = place == len(suspects) and not slow
                patience = until - self._now()
                if patience <= 0:
                    return
                outcome = self._run_one(job, patience if is_last else min(seconds, patience))
                if outcome is None:
                    slow.append(job)
                else:
                    yield [outcome]
            suspects = slow
            seconds *= 2

    def _run_one(self, job: Job, seconds: float) -> Outcome | None:
        """Gives a job's outcome, or None where it was not done after `seconds`."""
        if refused := self._refuse([job]):
            return refused[0]
        left = self._seconds_until(job.deadline_ms)
        try:
            return self._evaluate([job], min(left, seconds))[0]
        except (EvaluatorDied, EvaluatorTimedOut) as error:
            if refused := self._refuse([job]):
                return refused[0]
            if isinstance(error, EvaluatorTimedOut) and seconds < left:
                return None
            self._settle([job])
            if isinstance(error, EvaluatorTimedOut):
                return verdicts.expired(job)
            weight = verdicts.crash_weight(error)
            return verdicts.died(job, error, again=not (weight and self.on_crash(job, weight)))

    def _evaluate(self, jobs: list[Job], timeout: float) -> list[Outcome]:
        try:
            return self._evaluate_once(jobs, timeout)
        except EvaluatorRetired:
            # It did nothing for these jobs, and the next one has not run any that could make it retire.
            return self._evaluate_once(jobs, timeout)

    def _evaluate_once(self, jobs: list[Job], timeout: float) -> list[Outcome]:
        evaluator = self._supply.take(jobs[0].tenant)
        with self._lock:
            self._evaluator = evaluator
            self._running = {job.id for job in jobs}
            if not self._running.isdisjoint(self._cancelled):
                # The cancellation came while there was nothing to kill. Say what the kill would have led to.
                self._running = set()
                raise EvaluatorDied(None)
        done: set[str] = set()
        try:
            outcomes = evaluator.evaluate(jobs, timeout=timeout)
            done = {outcome.job_id for outcome in outcomes if outcome.event is not Event.LOSE}
        except (EvaluatorTimedOut, EvaluatorDied) as end:
            self.on_end("cancelled" if self._has_cancelled(jobs) else verdicts.cause_of(end))
            raise
        finally:
            with self._lock:
                self._open -= done
                self._running = set()
        return outcomes

    def _refuse(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Gives outcomes to the jobs that are not to run, or not again: those cancelled or out of time."""
        now_ms = self._now() * 1_000
        with self._lock:
            cancelled = [job for job in jobs if job.id in self._cancelled] if self._cancelled else []
        late = [job for job in jobs if job.deadline_ms <= now_ms and job not in cancelled]
        if not cancelled and not late:
            return []
        self._settle(cancelled + late)
        return [verdicts.cancelled(job) for job in cancelled] + [verdicts.expired(job) for job in late]

    def _settle(self, jobs: Iterable[Job]) -> None:
        with self._lock:
            self._open.difference_update(job.id for job in jobs)

    def _still_open(self, jobs: Iterable[Job]) -> list[Job]:
        with self._lock:
            return [job for job in jobs if job.id in self._open]

    def _has_cancelled(self, jobs: Iterable[Job]) -> bool:
        with self._lock:
            return any(job.id in self._cancelled for job in jobs)

    def _seconds_until(self, deadline_ms: int) -> float:
        return deadline_ms / 1_000 - self._now()


def _split(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    batch: list[Job] = []
    size = 0
    for job in jobs:
        size += len(job.evaluation)
        if batch and (size > BATCH_BYTES or len(batch) == MAX_ENTRIES):
            yield batch
            batch, size = [], len(job.evaluation)
        batch.append(job)
    if batch:
        yield batch
