from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.broker.shelves import (
    ENGINE,
    LONGEST_MS,
    OTHER,
    TENANT,
    TTL_MS,
    drain,
    shelves,
    submission,
    succeeded,
)

from pullback.broker import Created, Ended, Selection, StoredAttempt
from pullback.contract.errors import JobIdReused
from pullback.contract.lifecycle import AttemptEnd, Event, State

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

    from pullback.broker import Shelves, StoredJob


async def look(side: Shelves, job_id: str) -> StoredJob:
    """Reads a job that is there."""
    (job,) = await side.get(TENANT, [job_id], evaluation=True, outcome=True)
    assert job
    return job


async def test_a_job_waits_is_taken_and_finished(broker: Broker) -> None:
    """Its record tells each step with its time, and keeps evaluation and outcome."""
    side = shelves(broker)
    (created,) = await side.create(TENANT, [submission("a", labels="\nk=v\n")])
    assert isinstance(created, Created)
    assert (created.job_id, created.state) == ("a", State.QUEUED)
    waiting = await look(side, "a")
    assert (waiting.state, waiting.evaluation, waiting.outcome) == (State.QUEUED, b"evaluation", None)
    assert waiting.created_ms == waiting.queued_ms == created.created_ms
    assert waiting.deadline_ms == waiting.created_ms + LONGEST_MS
    _, taker = drain(broker)
    (held,) = taker.take(10, ENGINE)
    assert (held.tenant, held.job_id, held.attempt, held.evaluation) == (TENANT, "a", 1, b"evaluation")
    running = await look(side, "a")
    assert running.state is State.RUNNING
    assert running.attempts == (StoredAttempt(1, "worker", running.started_ms, 0, None),)
    assert taker.finish(succeeded([held]), ENGINE) == 1
    done = await look(side, "a")
    assert (done.state, done.outcome, done.labels) == (State.SUCCEEDED, b"outcome", "\nk=v\n")
    assert done.created_ms <= done.started_ms <= done.finished_ms == done.expires_ms - TTL_MS
    (attempt,) = done.attempts
    assert (attempt.end, attempt.ended_ms) == (AttemptEnd.FINISHED, done.finished_ms)


async def test_a_job_that_is_created_again_is_the_job_as_it_is(broker: Broker) -> None:
    """The same content under the same id is the same job; other content is refused and changes nothing."""
    side = shelves(broker)
    first, again, other = await side.create(
        TENANT, [submission("a"), submission("a"), submission("a", digest=b"x" * 16)]
    )
    assert first == again
    assert isinstance(other, JobIdReused)
    _, taker = drain(broker)
    (held,) = taker.take(10, ENGINE)
    taker.finish(succeeded([held]), ENGINE)
    (late,) = await side.create(TENANT, [submission("a")])
    assert isinstance(late, Created)
    assert late.state is State.SUCCEEDED
    assert taker.take(10, ENGINE) == []


async def test_an_id_is_a_tenants_own(broker: Broker) -> None:
    """Two tenants have jobs of the same id, and neither sees the other's."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a"), submission("b")])
    (other,) = await side.create(OTHER, [submission("a", digest=b"x" * 16)])
    assert isinstance(other, Created)
    assert await side.get(OTHER, ["b"]) == [None]
    page, more = await side.page(OTHER, Selection(), after=None, count=10)
    assert ([job.job_id for job in page], more) == (["a"], None)


async def test_what_a_job_is_finished_as_is_written_once(broker: Broker) -> None:
    """A second finish of the same attempt finds its work done."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    _, taker = drain(broker)
    (held,) = taker.take(1, ENGINE)
    assert taker.finish([Ended(held, Event.FAIL, b"first", 0.0)], ENGINE) == 1
    assert taker.finish(succeeded([held], b"second"), ENGINE) == 0
    job = await look(side, "a")
    assert (job.state, job.outcome) == (State.FAILED, b"first")
