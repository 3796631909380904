"""A world in which evaluators take time and crash as a test wants, and none of it is real."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.contract.lifecycle import Event
from pullback.contract.status import from_status
from pullback.evaluator import (
    EvaluatorDied,
    EvaluatorTimedOut,
    Isolator,
    Job,
    Outcome,
)
from pullback.evaluator.errors import EvaluatorRetired
from pullback.evaluator.exits import Exit
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pullback.contract.errors import (
        PullbackError,
    )

SIGSEGV, SIGKILL = 11, 9
FOREVER = 10.0**9


@dataclass
class World:
    """A clock, and what each job does to an evaluator: how long it takes, and with which exit code it ends it."""

    now: float = 1_000.0
    seconds: dict[str, float] = field(default_factory=dict)
    crashes: dict[str, int] = field(default_factory=dict)
    starves: set[str] = field(default_factory=set)
    retires: set[str] = field(default_factory=set)
    last_words: str = ""
    on_start: Callable[[Sequence[str]], object] = lambda _: None
    on_finish: Callable[[], object] = lambda: None
    batches: list[tuple[str, ...]] = field(default_factory=list)
    connections: int = 0
    served: list[tuple[int, bytes]] = field(default_factory=list)

    def connect(self) -> FakeEvaluator:
        """Makes a new evaluator."""
        self.connections += 1
        return FakeEvaluator(self)

    def job(
        self, name: str, *, left: float = 60.0, deaths: int = 0, size: int = 0, tenant: bytes = b""
    ) -> Job:
        """A job with so many seconds left."""
        return Job(name, bytes(size), 0, round((self.now + left) * 1_000), deaths, tenant)

    def run(self, jobs: Iterable[Job]) -> dict[str, Outcome]:
        """Runs jobs to their ends, and gives the outcomes by job."""
        with Isolator(self.connect, lambda: self.now) as isolator:
            return collect(isolator.run(list(jobs)))


class FakeEvaluator:
    """Takes the world's time instead of computing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.number = world.connections
        self.alive = True
        self.retired = False

    def evaluate(self, jobs: Sequence[Job], *, timeout: float | None = None) -> list[Outcome]:
        """Works job by job until the time is over, one crashes, or somebody kills."""
        assert self.alive
        assert timeout is not None
        ids = [job.id for job in jobs]
        if self.retired:
            self.alive = False
            raise EvaluatorRetired(Exit.RETIRED)
        self.world.batches.append(tuple(ids))
        self.world.served += ((self.number, job.tenant) for job in jobs)
        self.world.on_start(ids)
        end = self.world.now + timeout
        for name in ids:
            self.world.now += self.world.seconds.get(name, 0.001)
            if not self.alive:
                raise EvaluatorDied(None)
            if self.world.now > end:
                self.world.now = end
                self.alive = False
                raise EvaluatorTimedOut
            if name in self.world.crashes:
                self.alive = False
                raise EvaluatorDied(self.world.crashes[name], self.world.last_words)
        self.world.on_finish()
        self.retired = not self.world.retires.isdisjoint(ids)
        hungry = self.world.starves if len(ids) > 1 else ()
        return [Outcome(name, Event.LOSE if name in hungry else Event.SUCCEED, b"") for name in ids]

    def kill(self) -> None:
        """Has the evaluator die at its next step."""
        self.alive = False

    def close(self) -> None:
        """Kills."""
        self.kill()


def collect(groups: Iterable[list[Outcome]]) -> dict[str, Outcome]:
    """Puts outcomes into a table, and sees to it that each job has one only."""
    outcomes = [outcome for group in groups for outcome in group]
    table = {outcome.job_id: outcome for outcome in outcomes}
    assert len(table) == len(outcomes)
    return table


def events(outcomes: dict[str, Outcome]) -> dict[str, Event]:
    """Gives the jobs' events."""
    return {name: outcome.event for name, outcome in outcomes.items()}


def error_of(outcome: Outcome) -> PullbackError | None:
    """Reads an outcome's error as a client would."""
    return from_status(gradient_pb2.EvaluateOutcome.FromString(outcome.message).error)
