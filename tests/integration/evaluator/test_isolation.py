from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from pullback.contract.errors import Cancelled, DeadlineExceeded, KernelFault, PullbackError
from pullback.contract.lifecycle import Event
from pullback.contract.status import from_status
from pullback.evaluator import Evaluator, Isolation, Isolator, Outcome, Template
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Protocol

    from pullback.evaluator import Job

    class _Gate(Protocol):
        program: str

        def wait(self) -> None: ...

    MakeJob = Callable[..., Job]


@pytest.fixture
def isolator(template: Template) -> Iterator[Isolator]:
    """An isolator over real processes."""
    with Isolator(lambda: Evaluator.connect(template.address)) as isolator:
        yield isolator


def run(isolator: Isolator, jobs: list[Job]) -> dict[str, Outcome]:
    """Runs jobs to the end."""
    return {outcome.job_id: outcome for group in isolator.run(jobs) for outcome in group}


def error_of(outcome: Outcome) -> PullbackError | None:
    """Reads an outcome's error as a client would."""
    return from_status(gradient_pb2.EvaluateOutcome.FromString(outcome.message).error)


def test_a_job_that_hangs_is_stopped_and_its_neighbours_answered(
    isolator: Isolator, make_job: MakeJob
) -> None:
    """One of many jobs never ends: it gets DEADLINE_EXCEEDED, and the others their results."""
    jobs = [make_job(f"y = {number}") for number in range(20)]
    jobs.insert(10, make_job("hang", left=1.0))
    outcomes = run(isolator, jobs)
    assert Counter(outcome.event for outcome in outcomes.values()) == {Event.SUCCEED: 20, Event.EXPIRE: 1}
    assert isinstance(error_of(outcomes["hang"]), DeadlineExceeded)


def test_a_job_that_crashes_is_lost_then_refused(isolator: Isolator, make_job: MakeJob) -> None:
    """One of many jobs crashes its process: it is lost once, refused the second time, and harms nobody."""
    jobs = [make_job("a"), make_job("crash SIGFPE"), make_job("b")]
    outcomes = run(isolator, jobs)
    assert [outcomes[job.id].event for job in jobs] == [Event.SUCCEED, Event.LOSE, Event.SUCCEED]
    jobs[1] = make_job("crash SIGFPE", deaths=1)
    outcomes = run(isolator, jobs)
    assert [outcomes[job.id].event for job in jobs] == [Event.SUCCEED, Event.FAIL, Event.SUCCEED]
    assert isinstance(error_of(outcomes["crash SIGFPE"]), KernelFault)


def test_a_job_that_is_cancelled_stops_running(isolator: Isolator, make_job: MakeJob, gate: _Gate) -> None:
    """A job that hangs within a batch ends when it is cancelled, long before its deadline."""
    jobs = [make_job("a"), make_job(gate.program), make_job("b")]
    with ThreadPoolExecutor() as pool:
        running = pool.submit(run, isolator, jobs)
        gate.wait()
        assert isolator.cancel(gate.program)
        outcomes = running.result()
    assert [outcomes[job.id].event for job in jobs] == [Event.SUCCEED, Event.CANCEL, Event.SUCCEED]
    assert isinstance(error_of(outcomes[gate.program]), Cancelled)


@pytest.mark.parametrize(
    ("isolation", "processes"), [(Isolation.CHILD, 1), (Isolation.TENANT, 2), (Isolation.JOB, 6)]
)
def test_each_isolation_makes_its_processes(
    template: Template, make_job: MakeJob, isolation: Isolation, processes: int
) -> None:
    """Six jobs of two tenants run in one process, in two, or in six."""
    pids: set[int] = set()

    def connect() -> Evaluator:
        made = Evaluator.connect(template.address)
        pids.add(made.pid)
        return made

    with Isolator(connect, isolation=isolation) as isolator:
        jobs = [make_job(f"y = {number}")._replace(tenant=b"ab"[number % 2 :][:1]) for number in range(6)]
        for each in (jobs[:4], jobs[4:]):
            assert {outcome.event for outcome in run(isolator, each).values()} == {Event.SUCCEED}
    assert len(pids) == processes
