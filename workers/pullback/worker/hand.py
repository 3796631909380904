"""The jobs that a drain has in hand: run to their outcomes by one thread, and stopped by another."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Protocol, TypeVar

from pullback.contract.lifecycle import Event
from pullback.evaluator import Outcome, error_message
from pullback.worker.crashing import refusal
from pullback.worker.meters import NO_METERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pullback.broker import Quarantine
    from pullback.evaluator import Isolator, Job
    from pullback.worker.meters import AbstractMeters


class AbstractTaken(Protocol):
    """What is needed of a job that was taken."""

    @property
    def place(self) -> str:
        """What it is named when it is to stop: no other job, and no other attempt at it, ever has that name."""


TakenT = TypeVar("TakenT", bound=AbstractTaken)


class Hand:
    """What was taken at once. Used again for the next take, until its drain leaves."""

    def __init__(
        self, isolator: Isolator, quarantine: Quarantine, meters: AbstractMeters = NO_METERS
    ) -> None:
        self._meters = meters
        self._isolator = isolator
        self._quarantine = quarantine
        # The lock guards these: the jobs by their keys; the keys of those that are to stop, and of those among them
        # that are cancelled and not just interrupted; and the places of jobs that are cancelled but were not in hand:
        # they may be on their way from Redis.
        self._lock = threading.Lock()
        self._taken: Mapping[str, AbstractTaken] = {}
        self._stopped: set[str] = set()
        self._cancelled: set[str] = set()
        self._unknown: set[str] = set()
        self._may_interrupt = False
        self._is_interrupted = False

    def hold(self, taken: Sequence[TakenT], *, may_interrupt: bool = False) -> Mapping[str, TakenT]:
        """Takes jobs in hand, in place of those before.

        Args:
            taken: the jobs.
            may_interrupt: whether `interrupt` stops them.

        Returns:
            The jobs by the keys that `run` knows them by.
        """
        # One job may be there twice, after its first drain was thought dead: numbers tell the two apart, ids do not.
        by_key = {str(number): job for number, job in enumerate(taken)}
        with self._lock:
            self._taken = by_key
            self._may_interrupt = may_interrupt
            self._cancelled = set()
            if self._unknown:
                self._cancelled = {key for key, job in by_key.items() if job.place in self._unknown}
                self._unknown.clear()
            self._stopped = set(by_key if may_interrupt and self._is_interrupted else self._cancelled)
        return by_key

    def cancel(self, place: str) -> None:
        """Stops a job, from any thread, also one that is about to be taken."""
        with self._lock:
            keys = [key for key, job in self._taken.items() if job.place == place]
            self._cancelled.update(keys)
            self._stopped.update(keys)
            if not keys:
                self._unknown.add(place)
        self._stop(keys)

    def interrupt(self) -> None:
        """Stops jobs that may be interrupted, from any thread, for ever: `run` gives no outcomes of them."""
        with self._lock:
            self._is_interrupted = True
            keys = list(self._taken) if self._may_interrupt else []
            self._stopped.update(keys)
        self._stop(keys)

    def _stop(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._isolator.cancel(key)

    def run(
        self, jobs: Sequence[Job], again: Callable[[Job], Job | None], *, patience: float = math.inf
    ) -> Iterator[list[Outcome]]:
        """Runs jobs that are in hand, and yields outcomes as soon as they are known: none of them LOSE.

        There is one for each job, but for those that are interrupted, given up, or not to be run again.

        Args:
            jobs: what is to run, with the keys as ids.
            again: gives what is to run of a job that lost its evaluator; None where it has no outcome.
            patience: as for `Isolator.run`.

        Raises:
            EvaluatorUnavailable: no evaluator can be had.
        """
        while jobs:
            if self._quarantine:
                jobs, refused = self._part_refused(jobs)
                if refused:
                    self._meters.ended(refused)
                    yield refused
            lost: list[Job] = []
            for outcomes in self._isolator.run(jobs, self._stopped, patience=patience):
                self._meters.ended(outcomes)
                ids = {outcome.job_id for outcome in outcomes if outcome.event is Event.LOSE}
                if ids:
                    lost += [job for job in jobs if job.id in ids]
                if self._is_interrupted:
                    ids |= self._interrupted(outcomes)
                yield [outcome for outcome in outcomes if outcome.job_id not in ids] if ids else outcomes
            jobs = [job for each in lost if (job := again(each))]

    def _interrupted(self, outcomes: Sequence[Outcome]) -> set[str]:
        with self._lock:
            return {
                outcome.job_id
                for outcome in outcomes
                if outcome.event is Event.CANCEL and outcome.job_id not in self._cancelled
            }

    def _part_refused(self, jobs: Sequence[Job]) -> tuple[list[Job], list[Outcome]]:
        """Parts jobs into those to run, and the outcomes of those whose programs are in quarantine.

        Gateways refuse the latter too, but may have accepted them before.
        """
        wanted: list[Job] = []
        refused: list[Outcome] = []
        for job in jobs:
            error = refusal(self._quarantine, job)
            if error:
                refused.append(Outcome(job.id, Event.FAIL, error_message(error)))
            else:
                wanted.append(job)
        return wanted, refused
