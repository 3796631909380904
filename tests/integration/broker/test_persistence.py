"""What of the accepted jobs outlives the end of Redis, by how it is set up. docs/durability.md says it in words."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import RedisError
from tests.integration.broker.conftest import Broker
from tests.integration.broker.shelves import ENGINE, TENANT, drain, ring, shelves, submission, succeeded

from pullback.broker import Created, Line, Pipe, Upkeep, connect, connect_async, evicts
from pullback.broker.embedded import EmbeddedRedis
from pullback.contract.errors import Overloaded, PullbackError, QueueUnavailable
from pullback.contract.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.conftest import RedisControl

    from pullback.broker.embedded import Server

# Creations under way when the server is killed, one after another on one connection, and jobs in each.
CREATIONS = 40
JOBS = 25

# Places at which the file is cut off, beside both ends.
CUTS = 14


@pytest.fixture
async def own(redis_server: RedisControl) -> AsyncIterator[Broker]:
    """Both sides of the broker over a server that may be killed."""
    url = redis_server.url
    pipe, line = Pipe(url), Line(url, blocking_seconds=5)
    keeping = asyncio.create_task(pipe.keep())
    await pipe.up.wait()
    with connect(url) as sync:
        async with connect_async(url) as redis:
            yield Broker(url, redis, sync, pipe, line)
    keeping.cancel()
    await asyncio.wait([keeping])
    line.close()


def ids(number: int) -> list[str]:
    """Names the jobs of one creation."""
    return [f"job-{number}-{each}" for each in range(JOBS)]


async def create(broker: Broker, number: int) -> Sequence[Created | PullbackError]:
    """Creates the jobs of one number."""
    return await shelves(broker).create(TENANT, [submission(each) for each in ids(number)])


async def there(broker: Broker, job_ids: Sequence[str]) -> list[bool]:
    """Tells which jobs there are."""
    found = await shelves(broker).get(TENANT, job_ids, evaluation=True, outcome=True)
    return [job is not None and job.evaluation == b"evaluation" for job in found]


@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_a_kill_loses_nothing_that_was_answered(
    own: Broker, redis_server: RedisControl, fsync: str
) -> None:
    """Of creations under way, those that were answered are there; the others can be sent again, and are there once."""
    own.sync.config_set("appendfsync", fsync)
    answered: list[int] = []

    async def each(number: int) -> None:
        with suppress(QueueUnavailable):
            await create(own, number)
            answered.append(number)
            if len(answered) == CREATIONS // 2:
                redis_server.kill()

    await asyncio.gather(*map(each, range(CREATIONS)))
    assert CREATIONS // 2 <= len(answered) < CREATIONS
    await own.pipe.down.wait()
    redis_server.restart()
    await own.pipe.up.wait()
    for number in answered:
        assert await there(own, ids(number)) == [True] * JOBS
    for number in range(CREATIONS):
        created = await create(own, number)
        assert [one.state for one in created if isinstance(one, Created)] == [State.QUEUED] * JOBS
    lane, held = drain(own)
    taken: list[str] = []
    while some := held.take(500, ENGINE):
        taken += [job.job_id for job in some]
    assert sorted(taken) == sorted(each for number in range(CREATIONS) for each in ids(number))
    lane.leave(in_any_case=True)


async def test_without_the_file_nothing_outlives_a_kill(own: Broker, redis_server: RedisControl) -> None:
    """The server comes back empty."""
    own.sync.config_set("appendonly", "no")
    shutil.rmtree(redis_server.data / "appendonlydir")
    await create(own, 0)
    redis_server.kill()
    await own.pipe.down.wait()
    redis_server.restart()
    await own.pipe.up.wait()
    assert await there(own, ids(0)) == [False] * JOBS


@pytest.mark.parametrize("fsync", ["everysec", "always"])
async def test_when_an_answer_is_on_the_disk(own: Broker, fsync: str) -> None:
    """With `always` before it is given, with `everysec` some time after: the server knows up to where it synced."""
    own.sync.config_set("appendfsync", fsync)
    try:
        await own.pipe.call("WAITAOF", 0, 0, 0)
    except RedisError as error:
        pytest.skip(f"this server cannot tell ({error})")
    for number in range(20):
        await create(own, number)
        synced, _ = await own.pipe.call("WAITAOF", 0, 0, 0)
        if fsync == "always":
            assert synced == 1
    assert await own.pipe.call("WAITAOF", 1, 0, 0) == [1, 0]


def contents(url: str) -> dict[bytes, Any]:
    """Gives all that a server holds."""
    with connect(url) as client:
        return {key: client.dump(key) for key in client.scan_iter()}


async def test_a_file_that_ends_anywhere_holds_whole_steps(
    own: Broker, redis_server: RedisControl, redis_binary: Server, tmp_path: Path
) -> None:
    """After a power cut the last step is there as a whole, or not at all."""
    own.sync.config_set("appendfsync", "always")
    await create(own, 0)
    file = max((redis_server.data / "appendonlydir").glob("*.incr.aof"))
    before, begins = contents(own.url), file.stat().st_size
    await shelves(own).create(TENANT, [submission("last", labels="\na=b\n")])
    after, ends = contents(own.url), file.stat().st_size
    redis_server.kill()
    assert before != after
    cuts = [begins + round(each * (ends - begins) / (CUTS + 1)) for each in range(CUTS + 2)]
    for cut in (*cuts, ends - 1):
        copy = tmp_path / f"cut-{cut}"
        shutil.copytree(redis_server.data, copy)
        with (copy / "appendonlydir" / file.name).open("r+b") as shorter:
            shorter.truncate(cut)
        with EmbeddedRedis(copy, server=redis_binary) as server:
            assert contents(server.url) == (after if cut == ends else before)


async def test_a_full_redis_takes_no_jobs_and_works_off_those_it_has(broker: Broker) -> None:
    """What is refused leaves no trace; what was accepted is taken, finished, read and deleted; then there is room."""
    jobs = shelves(broker)
    await jobs.create(TENANT, [submission("early"), submission("brief")])
    before = set(broker.sync.scan_iter())
    broker.sync.config_set("maxmemory", 1)
    try:
        with pytest.raises(Overloaded):
            await jobs.create(TENANT, [submission("late")])
        assert set(broker.sync.scan_iter()) == before
        _, held = drain(broker)
        assert held.finish(succeeded(held.take(10, ENGINE)), ENGINE) == 2
        (early,) = await jobs.get(TENANT, ["early"], evaluation=False, outcome=True)
        assert early is not None
        assert (early.state, early.outcome) == (State.SUCCEEDED, b"outcome")
        assert await jobs.delete(TENANT, ["early"]) == [True]
        # The test's own command needs room.
        broker.sync.config_set("maxmemory", 0)
        ring(broker.sync, TENANT, "brief")
        broker.sync.config_set("maxmemory", 1)
        await Upkeep(broker.redis).run_once("cpu")
        assert await jobs.get(TENANT, ["early", "brief"], evaluation=False, outcome=False) == [None, None]
    finally:
        broker.sync.config_set("maxmemory", 0)
    (accepted,) = await jobs.create(TENANT, [submission("late")])
    assert isinstance(accepted, Created)


@pytest.mark.parametrize(
    ("maxmemory", "policy", "loses"),
    [
        ("0", "allkeys-lru", False),
        ("100gb", "noeviction", False),
        ("100gb", "allkeys-lru", True),
        ("100gb", "volatile-ttl", True),
    ],
)
async def test_a_redis_that_evicts_is_known(
    broker: Broker, maxmemory: str, policy: str, *, loses: bool
) -> None:
    """One that has a limit and makes room by dropping keys loses jobs."""
    broker.sync.config_set("maxmemory", maxmemory)
    broker.sync.config_set("maxmemory-policy", policy)
    try:
        assert await evicts(broker.redis) is loses
    finally:
        broker.sync.config_set("maxmemory", "0")
        broker.sync.config_set("maxmemory-policy", "noeviction")
