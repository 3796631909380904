"""The life of submitted jobs in plain Python: what the scripts are to do, without Redis, time and fairness."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from pullback.contract.lifecycle import TERMINAL, AttemptEnd, Event, State, after

if TYPE_CHECKING:
    from collections.abc import Iterator

Key = tuple[bytes, str]

_ENDS = {Event.CANCEL: AttemptEnd.CANCELLED, Event.EXPIRE: AttemptEnd.EXPIRED}


@dataclass
class ModelJob:
    """A job as the model has it.

    Attributes:
        order: counts up from job to job.
        sequence: the number that Redis gave it.
        due: whether its `not_before` has passed.
        late: whether its deadline has passed.
        rung: whether the time has come at which something is due: it may be taken, expires, or ends.
        ends: of each attempt why it ended; None for one that runs.
        counted: how many attempts count.
    """

    key: Key
    order: int
    digest: bytes
    priority: int
    device: str
    reuse: bytes
    most: int
    due: bool
    late: bool
    state: State = State.QUEUED
    rung: bool = False
    sequence: int = 0
    holder: str = ""
    ends: list[AttemptEnd | None] = field(default_factory=list)
    counted: int = 0
    alone: bool = False
    outcome: bytes | None = None
    reused_from: str = ""

    @property
    def waits(self) -> bool:
        """Whether it is where drains look."""
        return self.state is State.QUEUED and self.due

    def happen(self, event: Event) -> None:
        """Lets an event happen; raises where it may not."""
        self.state = after(self.state, event)
        if self.state in TERMINAL:
            self.rung = False
        if self.holder:
            self.holder = ""
            if self.ends[-1] is None:
                self.ends[-1] = _ENDS.get(event, AttemptEnd.FINISHED)

    def begin(self, drain: str) -> None:
        """Begins an attempt."""
        self.state = after(self.state, Event.TAKE)
        self.holder = drain
        self.ends.append(None)
        self.counted += 1

    def lose(self, why: AttemptEnd) -> None:
        """Ends an attempt without a result."""
        self.ends[-1] = why
        if why is AttemptEnd.PUT_BACK:
            self.counted -= 1
        elif self.counted >= self.most:
            self.happen(Event.FAIL)
            return
        self.state = after(self.state, Event.LOSE)
        self.holder = ""


class Model:
    """All jobs of all tenants."""

    def __init__(self) -> None:
        self.jobs: dict[Key, ModelJob] = {}
        self.results: dict[tuple[bytes, str, str, bytes], ModelJob] = {}
        self._orders = count()

    def create(self, key: Key, content: tuple[bytes, int, str, bytes, int], *, due: bool, late: bool) -> bool:
        """Creates a job, and tells whether it did: there may be one under its id."""
        if key in self.jobs:
            return False
        self.jobs[key] = ModelJob(key, next(self._orders), *content, due, late, rung=late)
        return True

    def waiting(self, device: str) -> Iterator[ModelJob]:
        """Gives the jobs on a device's shelves."""
        return (job for job in self.jobs.values() if job.waits and job.device == device)

    def held(self, drain: str) -> list[ModelJob]:
        """Gives the jobs that a drain holds."""
        return [job for job in self.jobs.values() if job.holder == drain]

    def stored(self, job: ModelJob, engine: str) -> ModelJob | None:
        """Gives the job with whose result this one can be finished."""
        source = self.results.get((job.key[0], job.device, engine, job.reuse)) if job.reuse else None
        return source if source and self.jobs.get(source.key) is source else None

    def finish(self, job: ModelJob, event: Event, outcome: bytes, engine: str) -> None:
        """Finishes a job that is held."""
        job.happen(event)
        job.outcome = outcome
        if event is Event.SUCCEED and job.reuse:
            self.results[job.key[0], job.device, engine, job.reuse] = job

    def upkeep(self, device: str, living: set[str]) -> None:
        """Does what time brings."""
        for job in [job for job in self.jobs.values() if job.device == device]:
            if job.holder and job.holder not in living:
                job.lose(AttemptEnd.WORKER_LOST)
                job.alone = True
            if job.state not in TERMINAL and job.late:
                job.happen(Event.EXPIRE)
            elif job.state in TERMINAL and job.rung:
                del self.jobs[job.key]
            elif job.rung:
                job.due, job.rung = True, False
