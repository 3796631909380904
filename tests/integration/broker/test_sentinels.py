"""Connections to a Redis that Sentinels watch over, while its primary is lost."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest
from kombu.exceptions import OperationalError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from tests.integration.broker.shelves import LONGEST_MS, TENANT, submission
from tests.turns import turn
from tests.watched import WatchedRedis

from pullback.broker import Created, Line, Pipe, Shelves, connect, connect_async
from pullback.broker.replies import Demoted
from pullback.broker.wakeups import celery_app
from pullback.contract.errors import QueueUnavailable
from pullback.contract.names import PREFIX

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from pullback.broker.embedded import Server

# Of a queue that no Celery here reads, behind the prefix.
QUEUE = "queue"


@pytest.fixture
def watched(redis_binary: Server, tmp_path: Path) -> Iterator[WatchedRedis]:
    """A primary, a replica and a Sentinel of one test's own."""
    with WatchedRedis(tmp_path / "watched", redis_binary) as running:
        yield running


@asynccontextmanager
async def kept(url: str) -> AsyncIterator[Pipe]:
    """A pipe that is kept up."""
    pipe = Pipe(url)
    keeping = asyncio.create_task(pipe.keep())
    await pipe.up.wait()
    yield pipe
    keeping.cancel()
    await asyncio.wait([keeping])


def until_taken(command: Callable[[], Any]) -> Any:
    """Runs a command again until Redis takes it."""
    while True:
        with suppress(RedisError, OperationalError):
            return command()


def forever(command: Callable[[], Any]) -> None:
    """Runs a command again and again, until it raises."""
    while True:
        command()


async def until_answered(command: Callable[[], Awaitable[Any]]) -> Any:
    """Sends a command again until Redis takes it."""
    while True:
        with suppress(RedisError, QueueUnavailable):
            return await command()
        await turn()


@pytest.mark.parametrize("lose", ["kill", "freeze"])
async def test_every_way_to_redis_finds_the_new_primary(watched: WatchedRedis, lose: str) -> None:
    """Both kinds of connection of the hot path, both of redis-py's, and Celery's sender, each up before the loss."""
    line = Line(watched.url)
    with connect(watched.url) as client, celery_app(watched.url, takes=False) as app:
        async with kept(watched.url) as pipe, connect_async(watched.url) as waiting:
            line.call("RPUSH", "list", "before")
            client.rpush("list", "before")
            await pipe.call("RPUSH", "list", "before")
            await waiting.rpush("list", "before")
            app.send_task("wake", queue=QUEUE, retry=False)
            await waiting.wait(1, 0)

            lost = watched.primary()
            getattr(lost, lose)()
            new = await asyncio.to_thread(watched.wait_for_switch, lost)

            await asyncio.gather(
                asyncio.to_thread(until_taken, lambda: line.call("RPUSH", "list", "line")),
                asyncio.to_thread(until_taken, lambda: client.rpush("list", "client")),
                asyncio.to_thread(until_taken, lambda: app.send_task("wake", queue=QUEUE, retry=False)),
                until_answered(lambda: pipe.call("RPUSH", "list", "pipe")),
                until_answered(lambda: waiting.rpush("list", "waiting")),
            )
    line.close()
    with new.client() as there:
        assert there.lrange("list", 0, 3) == [b"before"] * 4
        assert set(there.lrange("list", 4, -1)) == {b"line", b"client", b"pipe", b"waiting"}
        assert there.llen(f"{PREFIX}celery:{QUEUE}") == 2


async def test_a_demoted_primary_is_left_at_its_first_refusal(watched: WatchedRedis) -> None:
    """It answers that it is read-only; the connection counts as lost, and no other is begun with a replica."""
    first, second = watched.nodes
    line = Line(watched.url)
    with connect(watched.url) as client, first.client() as control:
        async with kept(watched.url) as pipe, connect_async(watched.url) as waiting:
            line.call("SET", "key", "kept")
            assert client.get("key") == await pipe.call("GET", "key") == await waiting.get("key") == b"kept"
            # By hand: a Sentinel would have cut the connections.
            control.replicaof(*map(str, second.place))

            # The first meets the refusal, and the second the role of what the Sentinel still names.
            for _ in range(2):
                with pytest.raises(RedisConnectionError):
                    line.call("SET", "key", "lost")
                with pytest.raises(RedisConnectionError):
                    client.set("key", "lost")
                with pytest.raises(RedisConnectionError):
                    await waiting.set("key", "lost")
            with pytest.raises(RedisConnectionError):
                line.call("GET", "key")
            with pytest.raises(RedisConnectionError):
                await pipe.call("SET", "key", "lost")
            await pipe.down.wait()
            with pytest.raises(Demoted):
                await Pipe(watched.url).open()

            control.replicaof("NO", "ONE")
            await pipe.up.wait()
            assert line.call("GET", "key") == client.get("key") == b"kept"
            assert await pipe.call("GET", "key") == await waiting.get("key") == b"kept"
    line.close()


async def test_a_primary_without_its_replicas_is_left_too(redis_binary: Server, tmp_path: Path) -> None:
    """With `min-replicas-to-write` a primary that was cut off takes no more writes; who hears that asks for another."""
    options = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1")
    with WatchedRedis(tmp_path / "watched", redis_binary, options=options) as watched:
        _, replica = watched.nodes
        line = Line(watched.url)
        async with kept(watched.url) as pipe:
            line.call("SET", "key", "kept")
            replica.kill()
            with pytest.raises(Demoted):
                forever(lambda: line.call("SET", "key", "kept"))
            with pytest.raises(Demoted):
                await pipe.call("SET", "key", "lost")
            await pipe.down.wait()
            await pipe.up.wait()
            assert await pipe.call("GET", "key") == b"kept"
        line.close()


async def test_without_sentinels_a_connection_says_so(watched: WatchedRedis) -> None:
    """Those that are up stay up, since Redis is; new ones fail clearly and at once."""
    line, late = Line(watched.url), Line(watched.url)
    async with kept(watched.url) as pipe:
        assert line.call("PING") == b"PONG"
        watched.sentinels[0].kill()
        with pytest.raises(RedisConnectionError, match="No master found"):
            late.call("PING")
        with pytest.raises(RedisConnectionError, match="No master found"):
            await Pipe(watched.url).open()
        assert line.call("PING") == await pipe.call("PING") == b"PONG"
        assert not pipe.down.is_set()
    line.close()
    late.close()


def test_one_frozen_sentinel_of_three_is_passed_over(redis_binary: Server, tmp_path: Path) -> None:
    """The others are asked; the frozen one is waited for half a second, once."""
    with WatchedRedis(tmp_path / "watched", redis_binary, sentinels=3) as watched:
        watched.sentinels[0].freeze()
        line = Line(watched.url)
        assert line.call("ECHO", "a") == b"a"
        line.close()
        watched.sentinels[0].thaw()


async def test_creation_waits_for_replicas_where_they_must_have_jobs(
    redis_binary: Server, tmp_path: Path
) -> None:
    """Without them it is not confirmed, and may be asked for again; what was confirmed is on the next primary."""
    with WatchedRedis(tmp_path / "watched", redis_binary, down_after_ms=5_000) as watched:
        _, replica = watched.nodes
        async with kept(watched.url) as pipe, connect_async(watched.url) as redis:
            careful = Shelves(pipe, redis, wake=lambda _: None, longest_ms=LONGEST_MS, replicas=1)
            careless = Shelves(pipe, redis, wake=lambda _: None, longest_ms=LONGEST_MS)
            replica.freeze()
            assert [type(each) for each in await careless.create(TENANT, [submission("careless")])] == [
                Created
            ]
            with pytest.raises(QueueUnavailable, match="0 replicas"):
                await careful.create(TENANT, [submission("careful")])
            replica.thaw()
            (again,) = await careful.create(TENANT, [submission("careful")])
            assert isinstance(again, Created)
            many = [submission(f"job-{number}") for number in range(500)]
            assert len(await careful.create(TENANT, many)) == len(many)
            lost = watched.primary()
            lost.kill()
            await asyncio.to_thread(watched.wait_for_switch, lost)
            await pipe.up.wait()
            job_ids = ["careful", *(each.job_id for each in many)]
            found = await until_answered(lambda: careful.get(TENANT, job_ids))
            assert [each and each.job_id for each in found] == job_ids
