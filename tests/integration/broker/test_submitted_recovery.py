from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError
from tests.integration.broker.shelves import (
    ENGINE,
    LONGEST_MS,
    TENANT,
    TTL_MS,
    drain,
    pass_deadline,
    ring,
    shelves,
    submission,
    succeeded,
)

from pullback.broker import LaneDrain, Line, ShelfDrain, Shelves, connect, connect_async
from pullback.broker.pipe import Pipe
from pullback.contract.lifecycle import AttemptEnd, State
from pullback.contract.names import lane_key
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.conftest import RedisControl
    from tests.integration.broker.conftest import Broker

    from pullback.broker import StoredJob

FAR_MS = 10**13


async def look(side: Shelves, job_id: str) -> StoredJob:
    """Reads a job that is there."""
    (job,) = await side.get(TENANT, [job_id], outcome=True)
    assert job
    return job


def ends(job: StoredJob) -> list[AttemptEnd | None]:
    """Why a job's attempts ended."""
    return [attempt.end for attempt in job.attempts]


@asynccontextmanager
async def shelf_and_drain(url: str, names: str) -> AsyncIterator[tuple[Shelves, Line, ShelfDrain]]:
    """Creates jobs of these names in a Redis that will be hurt, and joins a drain that may take them."""
    pipe, redis, line = Pipe(url), connect_async(url), Line(url)
    try:
        await pipe.open()
        side = Shelves(pipe, redis, wake=lambda _: None, longest_ms=LONGEST_MS)
        await side.create(TENANT, [submission(name) for name in names])
        LaneDrain(line, lane_key("cpu"), "drain").join()
        yield side, line, ShelfDrain(line, "cpu", "drain", worker="worker")
    finally:
        line.close()
        pipe.close()
        await redis.aclose()


async def test_what_a_dead_drain_held_is_taken_singly_and_first(broker: Broker) -> None:
    """The jobs go back to their places, and none shares a take with another."""
    side = shelves(broker)
    broker.slot()
    await side.create(TENANT, [submission(name) for name in "abc"])
    lane, taker = drain(broker)
    taker.take(2, ENGINE)
    broker.kill(lane)
    broker.woken.clear()
    await broker.sweeper().sweep("cpu")
    assert broker.woken == [lane.lane]
    _, taker = drain(broker)
    takes = [[job.job_id for job in taker.take(10, ENGINE)] for _ in range(3)]
    assert takes == [["a"], ["b"], ["c"]]
    job = await look(side, "a")
    assert ends(job) == [AttemptEnd.WORKER_LOST, None]
    assert job.queued_ms >= job.created_ms


async def test_a_living_drain_keeps_what_it_holds(broker: Broker) -> None:
    """The upkeep takes nothing from a drain that beats."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    _, taker = drain(broker)
    (held,) = taker.take(1, ENGINE)
    await broker.sweeper().sweep("cpu")
    assert taker.finish(succeeded([held]), ENGINE) == 1


async def test_a_job_that_had_all_its_attempts_fails(broker: Broker) -> None:
    """A worker that dies in the last attempt leaves a job that FAILED, and says why."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", max_attempts=2)])
    for _ in range(2):
        lane, taker = drain(broker)
        assert len(taker.take(1, ENGINE)) == 1
        broker.kill(lane)
        await broker.sweeper().sweep("cpu")
    job = await look(side, "a")
    assert (job.state, ends(job)) == (State.FAILED, [AttemptEnd.WORKER_LOST] * 2)
    assert job.outcome
    assert gradient_pb2.EvaluateOutcome.FromString(job.outcome).error.message


async def test_what_is_put_back_does_not_count(broker: Broker) -> None:
    """However often a job is put back, it has its attempts; of these the last ones are remembered."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", max_attempts=1)])
    _, taker = drain(broker)
    for number in range(40):
        (held,) = taker.take(1, ENGINE)
        assert held.attempt == number + 1
        taker.put_back([held])
    (held,) = taker.take(1, ENGINE)
    assert taker.finish(succeeded([held]), ENGINE) == 1
    job = await look(side, "a")
    assert job.state is State.SUCCEEDED
    assert [attempt.number for attempt in job.attempts] == list(range(10, 42))


async def test_a_job_that_is_put_back_to_be_alone_is_given_by_itself(broker: Broker) -> None:
    """It comes first again, and nothing else comes with it."""
    side = shelves(broker)
    await side.create(TENANT, [submission(name) for name in "abc"])
    _, taker = drain(broker)
    a, b, c = taker.take(3, ENGINE)
    taker.put_back([b], alone=True)
    taker.put_back([a, c])
    takes = [[(job.job_id, job.alone) for job in taker.take(3, ENGINE)] for _ in range(3)]
    assert takes == [[("a", False)], [("b", True)], [("c", False)]]


async def test_the_next_attempt_begins_where_the_evaluator_died(broker: Broker) -> None:
    """The drain keeps the job until its attempts are used up; then it FAILED."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", max_attempts=2)])
    _, taker = drain(broker)
    (first,) = taker.take(1, ENGINE)
    second = taker.next_attempt(first)
    assert second == first._replace(attempt=2)
    assert taker.finish(succeeded([first]), ENGINE) == 0
    assert taker.next_attempt(second) is None
    job = await look(side, "a")
    assert (job.state, ends(job)) == (State.FAILED, [AttemptEnd.EVALUATOR_LOST] * 2)


async def test_what_was_taken_without_the_drains_knowledge_is_back_after_its_next_take(
    broker: Broker,
) -> None:
    """An answer that is lost on its way loses no job."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a"), submission("b")])
    lane = LaneDrain(broker.line, lane_key("cpu"), "drain")
    lane.join()
    line = Line(broker.url)
    taker = ShelfDrain(line, "cpu", "drain", worker="worker")
    (known,) = taker.take(1, ENGINE)

    class Deaf(Line):
        def run(self, *args: object) -> object:
            super().run(*args)  # type: ignore[arg-type]  # handed on
            raise RedisConnectionError

    line.__class__ = Deaf
    with pytest.raises(RedisConnectionError):
        taker.take(1, ENGINE)
    line.__class__ = Line
    assert (await look(side, "b")).state is State.RUNNING
    (again,) = taker.take(1, ENGINE)
    assert (known.job_id, again.job_id, again.attempt) == ("a", "b", 2)
    assert taker.finish(succeeded([known, again]), ENGINE) == 2
    line.close()


async def test_what_an_earlier_attempt_ends_with_does_not_make_the_drain_forget_this_one(
    broker: Broker,
) -> None:
    """The job is held still when a take whose answer was lost is followed by another."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    _, taker = drain(broker)
    (first,) = taker.take(1, ENGINE)
    taker.put_back([first])
    (second,) = taker.take(1, ENGINE)
    assert taker.finish(succeeded([first]), ENGINE) == 0
    taker._unsure = True
    assert taker.take(1, ENGINE) == []
    job = await look(side, "a")
    assert (job.state, ends(job)) == (State.RUNNING, [AttemptEnd.PUT_BACK, None])
    assert taker.finish(succeeded([second]), ENGINE) == 1


async def test_a_job_waits_for_its_time(broker: Broker) -> None:
    """Before `not_before` no drain gets it; then the upkeep puts it where they look, and has one woken."""
    side = shelves(broker)
    broker.slot()
    await side.create(TENANT, [submission("a", not_before_ms=FAR_MS)])
    assert broker.woken == []
    lane, taker = drain(broker)
    assert taker.take(1, ENGINE) == []
    broker.kill(lane)
    ring(broker.sync, TENANT, "a")
    await broker.sweeper().sweep("cpu")
    assert broker.woken == [lane.lane]
    _, taker = drain(broker)
    (held,) = taker.take(1, ENGINE)
    assert held.job_id == "a"


async def test_a_job_that_is_not_finished_by_its_deadline_is_expired(broker: Broker) -> None:
    """One that waits expires; one that runs is stopped, too; and a late outcome counts for nothing."""
    side = shelves(broker)
    await side.create(TENANT, [submission("runs"), submission("waits")])
    lane, taker = drain(broker)
    (held,) = taker.take(1, ENGINE)
    slot = broker.slot()
    for name in ("runs", "waits"):
        pass_deadline(broker.sync, TENANT, name)
    await broker.sweeper().sweep("cpu")
    assert {(await look(side, name)).state for name in ("runs", "waits")} == {State.EXPIRED}
    assert slot.cancelled(lane.name, 5.0) == [held.place]
    assert taker.finish(succeeded([held]), ENGINE) == 0
    job = await look(side, "runs")
    assert ends(job) == [AttemptEnd.EXPIRED]
    assert job.outcome
    assert gradient_pb2.EvaluateOutcome.FromString(job.outcome).error.message
    assert ends(await look(side, "waits")) == []


async def test_a_deadline_that_is_too_far_is_brought_in(broker: Broker) -> None:
    """No job waits longer than the longest time from its creation."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", deadline_ms=FAR_MS)])
    job = await look(side, "a")
    assert job.deadline_ms == job.created_ms + LONGEST_MS


async def test_a_job_is_gone_when_its_time_to_live_is_over(broker: Broker) -> None:
    """Record, index, evaluation and outcome go together."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", ttl_ms=1), submission("b", ttl_ms=TTL_MS)])
    _, taker = drain(broker)
    taker.finish(succeeded(taker.take(2, ENGINE)), ENGINE)
    while (await side.get(TENANT, ["a"])) != [None]:
        await broker.sweeper().sweep("cpu")
    assert [key for key in broker.sync.keys("*") if key.endswith(b"/a")] == []
    assert (await look(side, "b")).state is State.SUCCEEDED


async def test_a_restart_of_redis_loses_no_job(redis_server: RedisControl) -> None:
    """What was created, taken and finished is so after Redis was killed and started again."""
    async with shelf_and_drain(redis_server.url, "abc") as (side, line, taker):
        first, second = taker.take(2, ENGINE)
        taker.finish(succeeded([first]), ENGINE)
        # What was answered before a later command of the same connection was answered lies in the file.
        with connect(redis_server.url) as sync:
            sync.execute_command("WAITAOF", 1, 0, 5_000)
        redis_server.kill()
        redis_server.restart()
        line.close()
        assert [(await look(side, name)).state.value for name in "abc"] == ["S", "R", "Q"]
        assert taker.finish(succeeded([second]), ENGINE) == 1
        assert [job.job_id for job in taker.take(2, ENGINE)] == ["c"]


async def test_a_result_that_redis_lost_is_computed_again_though_its_drain_lives(
    redis_server: RedisControl, tmp_path: Path
) -> None:
    """Where a Redis was killed before it wrote the end of a job, its drain finds out, and the job waits again."""
    async with shelf_and_drain(redis_server.url, "ab") as (side, line, taker):
        first, second = taker.take(2, ENGINE)
        with connect(redis_server.url) as sync:
            sync.execute_command("WAITAOF", 1, 0, 5_000)
        written, kept = redis_server.data / "appendonlydir", tmp_path / "kept"
        shutil.copytree(written, kept)
        assert taker.finish(succeeded([first]), ENGINE) == 1
        redis_server.kill()
        shutil.rmtree(written)
        shutil.copytree(kept, written)
        redis_server.restart()
        line.close()
        assert (await look(side, "a")).state is State.RUNNING
        line.call("PING")  # as a drain looks at its lane
        taker.compare()
        assert [(await look(side, name)).state.value for name in "ab"] == ["Q", "R"]
        (again,) = taker.take(2, ENGINE)
        assert (again.job_id, again.attempt) == ("a", 2)
        assert taker.finish(succeeded([second, again]), ENGINE) == 2
