"""Jobs from the SDK's side: what was submitted comes back once, though gateway or Redis are killed in between."""

from __future__ import annotations

import signal
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.system import System

from pullback.client import (
    AsyncClient,
    AsyncJobFuture,
    Cancelled,
    Client,
    JobFuture,
    ProgramError,
    evaluation,
    job,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.v1 import job_pb2 as pb

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

JOBS = 3_000

# Seconds after which a test that waits has failed.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this module's own, whose parts are killed and started again."""
    with System(tmp_path_factory.mktemp("victim"), workers=1) as running:
        yield running


def _gradient(x: float) -> float:
    return 8 * x**3 + 3 * x**2 + 6 * x + 5


def _jobs(run: str) -> Iterator[pb.CreateJobRequest]:
    return (
        job(evaluation(QUARTIC, x=float(number % 8)), job_id=f"{run}.{number}", labels={"run": run})
        for number in range(JOBS)
    )


def _kill(victim: System, part: str) -> None:
    if part == "gateway":
        victim.gateway().send_signal(signal.SIGKILL)
    else:
        (server,) = victim.processes("-server ")
        server.send_signal(signal.SIGKILL)


def test_a_job_is_evaluated(system: System) -> None:
    """Value and gradient of the README's example, and errors as those of a call."""
    with Client(system.address) as client:
        first = client.jobs.submit(QUARTIC, {"x": 2.0}, allow_reuse=True)
        result = first.result(PATIENCE)
        assert result.value == 63.0
        assert result.gradient == 93.0
        second = client.jobs.submit(QUARTIC, {"x": 2.0}, allow_reuse=True)
        assert second.result(PATIENCE).gradient == 93.0
        assert client.jobs.get(second).reused_from == first.name
        failing = client.jobs.submit("y = x[5]", {"x": [1.0, 2.0]})
        assert isinstance(failing.exception(PATIENCE), ProgramError)
        waiting = client.jobs.submit(QUARTIC, {"x": 2.0}, not_before=3600.0)
        assert waiting.cancel()
        assert isinstance(waiting.exception(PATIENCE), Cancelled)
        assert client.jobs.retry(waiting).result(PATIENCE).gradient == 93.0


@pytest.mark.timeout(180)
@pytest.mark.parametrize("part", ["gateway", "redis"])
def test_a_submission_and_its_watch_survive(victim: System, part: str) -> None:
    """Killed in the middle of each: every job is created once, and its end is given once."""
    run = f"blocking-{part}"
    with Client(victim.address) as client:
        created: list[int] = []
        for index, outcome in client.jobs.submit_many(_jobs(run), batch=100):
            assert isinstance(outcome, JobFuture)
            created.append(index)
            if len(created) == JOBS // 3:
                _kill(victim, part)
        assert sorted(created) == list(range(JOBS))
        ends: list[str] = []
        killed = False
        watch = client.jobs.watch(labels={"run": run}, states="succeeded", view="result")
        for news in watch:
            for each in news.jobs:
                assert each.evaluated is not None
                assert each.evaluated.gradient == _gradient(float(int(each.id.partition(".")[2]) % 8))
                ends.append(each.id)
            if not killed:
                killed = True
                _kill(victim, part)
            if len(ends) >= JOBS:
                break
        watch.close()
    assert sorted(ends) == sorted(f"{run}.{number}" for number in range(JOBS))


@pytest.mark.timeout(180)
async def test_futures_survive(victim: System) -> None:
    """Each is given once, with its own gradient, though the gateway is killed while they are waited for."""
    run = "asynchronous"
    async with AsyncClient(victim.address) as client:
        futures: list[AsyncJobFuture] = []
        async for _, outcome in client.jobs.submit_many(_jobs(run)):
            assert isinstance(outcome, AsyncJobFuture)
            futures.append(outcome)
        done: list[str] = []
        async with aclosing(client.jobs.as_completed(futures)) as completed:
            async for future in completed:
                expected = _gradient(float(int(future.id.partition(".")[2]) % 8))
                assert (await future).gradient == expected
                done.append(future.id)
                if len(done) == JOBS // 3:
                    _kill(victim, "gateway")
    assert sorted(done) == sorted(f"{run}.{number}" for number in range(JOBS))
