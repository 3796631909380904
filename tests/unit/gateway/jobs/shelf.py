"""Shelves in memory, for tests that need to know what happens between two calls of the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.broker import Change, Created, StoredAttempt, StoredJob
from pullback.contract.errors import JobIdReused
from pullback.contract.lifecycle import TERMINAL, AttemptEnd, State
from pullback.v1 import evaluation_pb2, gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.broker import Place, Selection, Submission
    from pullback.contract.errors import PullbackError


class MemoryShelves:
    """Does what `pullback.broker.Shelves` does, for one tenant.

    Attributes:
        jobs: all jobs, in the order of their creation.
        stream: the entries of events that are left, each with the id of the one before.
        between: called whenever Redis would be asked: before it does anything, other clients may.
        result_bytes: how long a result is.
        asked: the names of the methods that were called.
    """

    def __init__(self, between: Callable[[], None] = lambda: None) -> None:
        self.jobs: dict[str, StoredJob] = {}
        self.stream: list[tuple[str, str, list[Change]]] = []
        self.between = between
        self.result_bytes = 10
        self.asked: list[str] = []
        self._digests: dict[str, bytes] = {}
        self._last = "0-0"
        self._clock = 1_000

    # What other clients and the worker do, each as one script.

    def submit(self, *job_ids: str, labels: str = "") -> None:
        """Creates jobs."""
        for job_id in job_ids:
            self._clock += 1
            self.jobs[job_id] = StoredJob(
                job_id=job_id,
                sequence=self._clock,
                state=State.QUEUED,
                labels=labels,
                priority=2,
                device="cpu",
                created_ms=self._clock,
                queued_ms=self._clock,
                started_ms=0,
                finished_ms=0,
                expires_ms=0,
                deadline_ms=self._clock + 1_000,
                not_before_ms=0,
                ttl_ms=1_000,
                max_attempts=5,
                attempts=(),
                reuse=b"",
                reused="",
                reused_from="",
                evaluation=evaluation_pb2.Evaluation(program=f"y = '{job_id}'").SerializeToString(),
                outcome=None,
            )
        self._tell(job_ids)

    def take(self, *job_ids: str) -> None:
        """Begins an attempt at each job."""
        for job_id in job_ids:
            job = self.jobs[job_id]
            attempt = StoredAttempt(len(job.attempts) + 1, "w", self._clock, 0, None)
            self.jobs[job_id] = job._replace(
                state=State.RUNNING, started_ms=self._clock, attempts=(*job.attempts, attempt)
            )
        self._tell(job_ids)

    def end(self, *job_ids: str, state: State = State.SUCCEEDED) -> None:
        """Brings jobs into a terminal state."""
        outcome = gradient_pb2.EvaluateOutcome()
        if state is State.SUCCEEDED:
            outcome.result.printed = "x" * self.result_bytes
        else:
            outcome.error.code = 1
        for job_id in job_ids:
            job = self.jobs[job_id]
            assert job.state not in TERMINAL
            attempts = tuple(
                attempt._replace(ended_ms=self._clock, end=attempt.end or AttemptEnd.FINISHED)
                for attempt in job.attempts
            )
            self.jobs[job_id] = job._replace(
                state=state, finished_ms=self._clock, attempts=attempts, outcome=outcome.SerializeToString()
            )
        self._tell(job_ids)

    def remove(self, *job_ids: str) -> None:
        """Deletes jobs."""
        changes = [
            Change(job_id, None, len(job.attempts), job.labels, self._clock)
            for job_id in job_ids
            if (job := self.jobs.pop(job_id))
        ]
        self._add(changes)

    def forget(self, entries: int) -> None:
        """Trims the stream of events."""
        del self.stream[:entries]

    def put_away(self) -> None:
        """Ends the stream of events, as happens to one to which nothing is added for long."""
        self.stream = []
        self._last = "0-0"

    def _tell(self, job_ids: Sequence[str]) -> None:
        jobs = [self.jobs[job_id] for job_id in job_ids]
        self._add([Change(job.job_id, job.state, len(job.attempts), job.labels, self._clock) for job in jobs])

    def _add(self, changes: list[Change]) -> None:
        self._clock += 1
        entry = f"{self._clock}-0"
        self.stream.append((self._last, entry, changes))
        self._last = entry

    # What the gateway asks for.

    def _asked(self, method: str) -> None:
        self.asked.append(method)
        self.between()

    async def create(self, tenant: bytes, jobs: Sequence[Submission]) -> list[Created | PullbackError]:
        """See `pullback.broker.Shelves.create`."""
        del tenant
        self._asked("create")
        answers: list[Created | PullbackError] = []
        for new in jobs:
            if new.job_id not in self.jobs:
                self.submit(new.job_id, labels=new.labels)
                self.jobs[new.job_id] = self.jobs[new.job_id]._replace(evaluation=new.evaluation)
                self._digests[new.job_id] = new.digest
            job = self.jobs[new.job_id]
            same = self._digests[new.job_id] == new.digest
            answers.append(
                Created(job.job_id, job.state, job.created_ms) if same else JobIdReused("other content")
            )
        return answers

    async def get(
        self, tenant: bytes, job_ids: Sequence[str], *, evaluation: bool = False, outcome: bool = False
    ) -> list[StoredJob | None]:
        """See `pullback.broker.Shelves.get`."""
        del tenant
        self._asked("get")
        return [
            self._part(self.jobs.get(job_id), evaluation=evaluation, outcome=outcome) for job_id in job_ids
        ]

    @staticmethod
    def _part(job: StoredJob | None, *, evaluation: bool, outcome: bool) -> StoredJob | None:
        return job and job._replace(
            evaluation=job.evaluation if evaluation else None,
            outcome=job.outcome if outcome or job.state is not State.SUCCEEDED else None,
        )

    async def sizes(self, tenant: bytes, job_ids: Sequence[str], *, evaluation: bool) -> list[int]:
        """See `pullback.broker.Shelves.sizes`."""
        del tenant
        self._asked("sizes")
        jobs = [self.jobs.get(job_id) for job_id in job_ids]
        return [
            len(job.outcome or b"") + (len(job.evaluation or b"") if evaluation else 0) if job else 0
            for job in jobs
        ]

    async def page(
        self,
        tenant: bytes,
        selection: Selection,
        *,
        after: Place | None,
        count: int,
        oldest_first: bool = False,
    ) -> tuple[list[StoredJob], Place | None]:
        """See `pullback.broker.Shelves.page`."""
        del tenant
        self._asked("page")
        jobs = sorted(self.jobs.values(), key=lambda job: job.place, reverse=not oldest_first)
        if after:
            jobs = [job for job in jobs if (job.place > after if oldest_first else job.place < after)]
        found = [
            job
            for job in jobs
            if (not selection.states or job.state in selection.states)
            and all(f"\n{label}\n" in job.labels for label in selection.labels)
            and job.created_ms >= selection.from_ms
            and (not selection.before_ms or job.created_ms < selection.before_ms)
            and (not selection.job_ids or job.job_id in selection.job_ids)
        ]
        page = [self._part(job, evaluation=False, outcome=False) for job in found[:count]]
        return [job for job in page if job], page[-1].place if len(found) > count and page[-1] else None

    async def cancel(self, tenant: bytes, job_ids: Sequence[str]) -> list[State | None]:
        """See `pullback.broker.Shelves.cancel`."""
        del tenant
        self._asked("cancel")
        live = [job_id for job_id in job_ids if (job := self.jobs.get(job_id)) and job.state not in TERMINAL]
        if live:
            self.end(*live, state=State.CANCELLED)
        return [(job := self.jobs.get(job_id)) and job.state for job_id in job_ids]

    async def delete(self, tenant: bytes, job_ids: Sequence[str]) -> list[bool]:
        """See `pullback.broker.Shelves.delete`."""
        del tenant
        self._asked("delete")
        there = [job_id for job_id in job_ids if job_id in self.jobs]
        if there:
            self.remove(*there)
        return [job_id in there for job_id in job_ids]

    async def end_of_events(self, tenant: bytes) -> str:
        """See `pullback.broker.Shelves.end_of_events`."""
        del tenant
        self._asked("end_of_events")
        return self._last

    async def events(
        self, tenant: bytes, after: str, count: int
    ) -> tuple[list[tuple[str, list[Change]]], bool]:
        """See `pullback.broker.Shelves.events`."""
        del tenant
        self._asked("events")
        newer = [each for each in self.stream if _order(each[1]) > _order(after)][:count]
        if not newer:
            return [], after == "0-0" or self._last != "0-0"
        before = newer[0][0]
        whole = before == after if "0-0" in (before, after) else _order(before) <= _order(after)
        return [(entry, changes) for _, entry, changes in newer], whole


def _order(entry: str) -> tuple[int, int]:
    first, _, second = entry.partition("-")
    return int(first), int(second)
