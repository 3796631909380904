"""The jobs that a drain has in hand: run to their outcomes by one thread, and stopped by another."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from pullback.contract.lifecycle import Event
from pullback.evaluator import Outcome, error_message
from pullback.worker.crashing import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pullback.broker import Quarantine
    from pullback.evaluator import Isolator, Job


class AbstractTaken(Protocol):
    """What is needed of a job that was taken."""

    @property
    def place(self) -> str:
        """What it is named when it is to stop: no other job, and no other attempt at it, ever has that name."""


TakenT = TypeVar("TakenT", bound=AbstractTaken)


class Hand(Generic[TakenT]):
    """What was taken at once. Used again for the next."""

    def __init__(self, isolator: Isolator, quarantine: Quarantine) -> None:
        self._isolator = isolator
        self._quarantine = quarantine
        # The lock guards these: the jobs by their keys, the keys of those that are to stop, and the places of jobs that
        # are to stop but were not in hand: they may be on their way from Redis.
        self._lock = threading.Lock()
        self._taken: dict[str, TakenT] = {}
        self._cancelled: set[str] = set()
        self._unknown: set[str] = set()

    def hold(self, taken: Sequence[TakenT]) -> Mapping[str, TakenT]:
        """Takes jobs in hand, in place of those before, and gives them by the keys that `run` knows them by."""
        # One job may be there twice, after its first drain was thought dead: numbers tell the two apart, ids do not.
        by_key = {str(number): job for number, job in enumerate(taken)}
        with self._lock:
            self._taken = by_key
            self._cancelled = (
                {key for key, job in by_key.items() if job.place in self._unknown} if self._unknown else set()
            )
            self._unknown.clear()
        return by_key

    def cancel(self, place: str) -> None:
        """Stops a job, from any thread, also one that is about to be taken."""
        with self._lock:
            keys = [key for key, job in self._taken.items() if job.place == place]
            self._cancelled.update(keys)
            if not keys:
                self._unknown.add(place)
        for key in keys:
            self._isolator.cancel(key)

    def run(self, jobs: Sequence[Job], again: Callable[[Job], Job | None]) -> Iterator[list[Outcome]]:
        """Runs jobs that are in hand, and yields outcomes as soon as they are known: one for each job, and no LOSE.

        Args:
            jobs: what is to run, with the keys as ids.
            again: gives what is to run of a job that lost its evaluator; None where it has no outcome.

        Raises:
            EvaluatorUnavailable: no evaluator can be had.
        """
        while jobs:
            if self._quarantine:
                jobs, refused = self._part_refused(jobs)
                if refused:
                    yield refused
            lost: list[Job] = []
            for outcomes in self._isolator.run(jobs, self._cancelled):
                ids = {outcome.job_id for outcome in outcomes if outcome.event is Event.LOSE}
                if ids:
                    lost += [job for job in jobs if job.id in ids]
                    yield [outcome for outcome in outcomes if outcome.job_id not in ids]
                else:
                    yield outcomes
            jobs = [job for each in lost if (job := again(each))]

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
