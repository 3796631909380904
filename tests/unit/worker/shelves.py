"""Shelves that hold what a test puts there, and are as strict as the scripts about who holds what."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.broker import HeldJob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.broker import Ended

# Ten minutes and a minute after a `World` begins, in ms.
DEADLINE_MS = 1_600_000
TIMEOUT_MS = 60_000


def submitted(
    name: str, *, timeout_ms: int = TIMEOUT_MS, deadline_ms: int = DEADLINE_MS, max_attempts: int = 5
) -> HeldJob:
    """Makes a job in its first attempt; its evaluation is its name."""
    return HeldJob(
        tenant=b"tenant..",
        job_id=name,
        attempt=1,
        accepted_ms=0,
        timeout_ms=timeout_ms,
        deadline_ms=deadline_ms,
        evaluation=name.encode(),
        alone=False,
        max_attempts=max_attempts,
        sequence=0,
    )


@dataclass
class FakeShelves:
    """Takes the place of a `ShelfDrain`.

    Attributes:
        waiting: jobs to give, in order.
        counts: how many were wanted at each take.
        done: what was finished.
        returned: jobs that were put back, each with whether it is to be alone.
        losses: jobs that had all their attempts.
    """

    waiting: deque[HeldJob] = field(default_factory=deque)
    held: dict[str, HeldJob] = field(default_factory=dict)
    counts: list[int] = field(default_factory=list)
    done: dict[str, Ended] = field(default_factory=dict)
    returned: dict[str, bool] = field(default_factory=dict)
    losses: set[str] = field(default_factory=set)
    releases: int = 0

    def take(self, count: int, engine: str) -> list[HeldJob]:
        """Gives jobs in order; one that is to be alone by itself."""
        assert engine == "engine"
        assert not self.held, "what was taken before is not settled"
        self.counts.append(count)
        taken: list[HeldJob] = []
        while self.waiting and len(taken) < count and not (taken and self.waiting[0].alone):
            taken.append(self.waiting.popleft())
            if taken[0].alone:
                break
        self.held = {job.job_id: job for job in taken}
        return taken

    def _let_go(self, job: HeldJob) -> None:
        assert self.held.pop(job.job_id) == job, "an attempt that is not held"

    def finish(self, ended: Sequence[Ended], engine: str) -> int:
        """Notes what came of jobs."""
        assert engine == "engine"
        for each in ended:
            self._let_go(each.job)
            assert each.job.job_id not in self.done
            self.done[each.job.job_id] = each
        return len(ended)

    def put_back(self, jobs: Sequence[HeldJob], *, alone: bool = False) -> None:
        """Gives the jobs again, before all others."""
        for job in jobs:
            self._let_go(job)
            self.returned[job.job_id] = alone
        self.waiting.extendleft(job._replace(alone=alone or job.alone) for job in reversed(jobs))

    def next_attempt(self, job: HeldJob) -> HeldJob | None:
        """Begins another attempt, if there may be one."""
        self._let_go(job)
        if job.attempt >= job.max_attempts:
            self.losses.add(job.job_id)
            return None
        again = self.held[job.job_id] = job._replace(attempt=job.attempt + 1)
        return again

    def compare(self) -> None:
        """Finds that Redis holds what this one does."""

    def release(self) -> None:
        """Puts back what is held."""
        self.releases += 1
        self.put_back(list(self.held.values()))
