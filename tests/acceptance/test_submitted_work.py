"""Submitted jobs in processes: stopped, interrupted, bereft of their evaluators, and never lost."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import psutil
import pytest
from tests.acceptance.endless import ENDLESS, MATRIX, MOST_WORK, busy_evaluator
from tests.acceptance.system import System

from pullback.client import Client, DeadlineExceeded, evaluation, job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pullback.client import Job, JobFuture

# Seconds after which a test that waits has failed.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with one worker slot, to be kept busy."""
    environment = {**os.environ, **MOST_WORK}
    with System(tmp_path_factory.mktemp("own"), workers=1, environment=environment) as running:
        yield running


@pytest.fixture
def client(own: System) -> Iterator[Client]:
    """A client of that system."""
    with Client(own.address) as one:
        yield one


def watch_until(client: Client, future: JobFuture, holds: Callable[[Job], bool]) -> Job:
    """Gives a job as it is when something holds of it."""
    for news in client.jobs.watch(names=[future]):
        for each in news.jobs:
            if holds(each):
                return each
    raise AssertionError("a watch does not end by itself")


def is_running(attempt: int) -> Callable[[Job], bool]:
    """Tells whether a job runs in an attempt of that number or a later one."""
    return lambda each: each.state == "running" and each.attempts[-1].number >= attempt


def ends(client: Client, future: JobFuture) -> list[str]:
    """Gives why the attempts at a job ended, in order."""
    return [attempt.end for attempt in client.jobs.get(future).attempts]


def test_a_job_that_runs_is_cancelled_with_its_evaluator(own: System, client: Client) -> None:
    """It is CANCELLED when the call answers, the process that computed is gone, and the slot takes the next job."""
    future = client.jobs.submit(ENDLESS, {"x": MATRIX})
    evaluator = busy_evaluator(own)
    assert client.jobs.cancel(future).state == "cancelled"
    gone, _ = psutil.wait_procs([evaluator], timeout=20)
    assert gone
    assert ends(client, future) == ["cancelled"]
    assert client.jobs.submit("y = x**2", {"x": 3.0}).result(PATIENCE).value == 9.0


def test_a_deleted_job_stops_too(own: System, client: Client) -> None:
    """What runs for a job that is gone is of no use to anybody."""
    future = client.jobs.submit(ENDLESS, {"x": MATRIX})
    evaluator = busy_evaluator(own)
    client.jobs.delete(future)
    gone, _ = psutil.wait_procs([evaluator], timeout=20)
    assert gone


def test_a_lost_evaluator_costs_one_attempt(own: System, client: Client) -> None:
    """The job goes on in its next attempt, on the same worker, without waiting for anything to be swept."""
    future = client.jobs.submit(ENDLESS, {"x": MATRIX}, max_attempts=2)
    busy_evaluator(own).kill()
    watch_until(client, future, is_running(2))
    assert ends(client, future) == ["evaluator_lost", ""]
    client.jobs.cancel(future)


def test_a_job_fails_when_it_lost_its_last_evaluator(own: System, client: Client) -> None:
    """Its error says what became of it, and it is not tried again."""
    future = client.jobs.submit(ENDLESS, {"x": MATRIX}, max_attempts=1)
    busy_evaluator(own).kill()
    done = watch_until(client, future, lambda each: each.done)
    assert done.state == "failed"
    assert len(done.attempts) == 1


def test_a_worker_that_is_asked_to_stop_costs_no_attempt(own: System, client: Client) -> None:
    """What it has is put back at once, uncounted: a job with a single attempt runs again on the next worker."""
    future = client.jobs.submit(ENDLESS, {"x": MATRIX}, max_attempts=1)
    busy_evaluator(own)
    worker = own.worker()
    worker.terminate()
    gone, _ = psutil.wait_procs([worker], timeout=20)
    assert gone
    watch_until(client, future, is_running(2))
    assert ends(client, future) == ["put_back", ""]
    client.jobs.cancel(future)


def test_a_time_limit_is_for_each_job(client: Client) -> None:
    """One that exceeds it FAILS, and those that were taken with it succeed."""
    good = [job(evaluation("y = x**2", x=float(value))) for value in range(20)]
    endless = job(evaluation(ENDLESS, x=MATRIX, timeout=2.0))
    submitted = dict(client.jobs.submit_many([*good[:10], endless, *good[10:]]))
    futures = [future for _, future in sorted(submitted.items())]
    assert isinstance(futures.pop(10).exception(PATIENCE), DeadlineExceeded)  # type: ignore[union-attr]  # none refused
    assert [future.result(PATIENCE).value for future in futures] == [float(v) ** 2 for v in range(20)]  # type: ignore[union-attr]  # likewise


def test_calls_are_answered_while_jobs_wait(client: Client) -> None:
    """Whoever calls does not wait for the jobs that were submitted before: some of them still wait afterwards."""
    slow = "y = x\nwith torch.no_grad():\n" + "    y = (y @ x) * 0.001\n" * 20 + "y = y.sum()"
    jobs = [job(evaluation(slow, x=MATRIX), labels={"for": "calls"}) for _ in range(40)]
    futures = [future for _, future in client.jobs.submit_many(jobs)]
    assert client.evaluate("y = x**2", x=3.0).value == 9.0
    waiting = list(client.jobs.list(labels={"for": "calls"}, states="queued"))
    assert waiting
    assert client.jobs.cancel_many(labels={"for": "calls"}) >= len(waiting)
    assert len(futures) == len(jobs)
