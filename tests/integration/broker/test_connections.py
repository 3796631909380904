"""The hot path's own connections, against a real server that is hurt."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from redis.exceptions import (
    AuthenticationError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from pullback.broker import Line, Pipe, connect_async
from pullback.broker.pipe import Script
from pullback.broker.replies import exception

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.conftest import RedisControl

ECHO = Script("return ARGV[1]")
FAIL = Script("return redis.error_reply('MINE told so')")


@asynccontextmanager
async def kept(url: str) -> AsyncIterator[Pipe]:
    """A pipe that is kept up."""
    pipe = Pipe(url)
    keeping = asyncio.create_task(pipe.keep())
    await pipe.up.wait()
    yield pipe
    keeping.cancel()
    await asyncio.wait([keeping])


async def run(pipe: Pipe, script: Script, *arguments: Any) -> Any:
    """Runs a script and gives the reply, or the exception."""
    future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    pipe.run(script, [], arguments, future.set_result)
    return await future


async def test_replies_come_in_the_order_of_the_commands(redis_url: str) -> None:
    """A thousand commands under way at once, errors among them, each get their own reply."""
    async with kept(redis_url) as pipe:
        await run(pipe, ECHO, 0)
        replies = await asyncio.gather(*(run(pipe, FAIL if n % 7 == 0 else ECHO, n) for n in range(1_000)))
    for number, reply in enumerate(replies):
        if number % 7 == 0:
            assert isinstance(reply, ResponseError)
        else:
            assert reply == str(number).encode()


async def test_a_long_reply_arrives_whole(redis_url: str) -> None:
    """Ten megabytes, in as many pieces as the network makes of them."""
    async with kept(redis_url) as pipe:
        assert await run(pipe, ECHO, b"x" * 10_000_000) == b"x" * 10_000_000
    line = Line(redis_url)
    assert line.run(ECHO, [], [b"y" * 10_000_000]) == b"y" * 10_000_000
    line.close()


async def test_a_script_that_redis_forgot_is_sent_again(redis_url: str) -> None:
    """After SCRIPT FLUSH, as after a restart, scripts run as before."""
    line = Line(redis_url)
    async with kept(redis_url) as pipe:
        for _ in range(2):
            line.call("SCRIPT", "FLUSH")
            assert await run(pipe, ECHO, "a") == b"a"
            line.call("SCRIPT", "FLUSH")
            assert line.run(ECHO, [], ["b"]) == b"b"
    line.close()


async def test_a_killed_redis_fails_what_was_under_way_and_is_found_again(redis_server: RedisControl) -> None:
    """Commands under way get an error, not silence; after the restart the same pipe works."""
    async with kept(redis_server.url) as pipe:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        pipe.send(("BLPOP", "nothing", 0), future.set_result)
        redis_server.kill()
        assert isinstance(await future, RedisConnectionError)
        await pipe.down.wait()
        with pytest.raises(RedisConnectionError):
            await pipe.call("PING")
        redis_server.restart()
        await pipe.up.wait()
        assert await pipe.call("ECHO", "back") == b"back"


def test_a_connection_that_was_lost_before_a_command_is_no_fault_of_ours(redis_url: str) -> None:
    """On the gateway's event loop too, a command that meets a dead connection fails as one that Redis never got."""

    async def meet() -> None:
        client = connect_async(redis_url)
        connection: Any = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]
        connection._writer.transport.abort()  # as a reset from the other side does
        # What told us of it has run.
        await connection._writer.wait_closed()
        with pytest.raises(RedisConnectionError, match="lost"):
            await connection.send_command("PING")
        await client.connection_pool.release(connection)
        assert await client.ping()
        await client.aclose()

    uvloop.run(meet())


def test_a_line_comes_back_by_itself(redis_server: RedisControl) -> None:
    """The command that meets a dead server fails; the next after its restart succeeds."""
    line = Line(redis_server.url)
    assert line.call("ECHO", "a") == b"a"
    redis_server.kill()
    with pytest.raises(RedisConnectionError):
        line.call("ECHO", "b")
    redis_server.restart()
    assert line.call("ECHO", "c") == b"c"
    line.close()


async def test_a_wrong_password_is_refused(redis_url: str) -> None:
    """Neither connection says anything but its greeting to a server that does not know it."""
    scheme, _, rest = redis_url.partition("://")
    wrong = f"{scheme}://:wrong@{rest.partition('@')[2]}"
    with pytest.raises(RedisError):
        Line(wrong).call("PING")
    pipe = Pipe(wrong)
    with pytest.raises(AuthenticationError):
        await pipe.open()
    await pipe.down.wait()
    with pytest.raises(RedisConnectionError):
        await pipe.call("PING")


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("OOM command not allowed", OutOfMemoryError),
        ("NOSCRIPT No matching script", NoScriptError),
        ("LOADING Redis is loading the dataset in memory", RedisConnectionError),
        ("READONLY You can't write against a read only replica", ReadOnlyError),
        ("WRONGPASS invalid username-password pair", AuthenticationError),
        ("ERR something else", ResponseError),
    ],
)
def test_error_replies_are_told_apart(reply: str, kind: type[Exception]) -> None:
    """Each kind of refusal is the exception that redis-py raises for it."""
    assert isinstance(exception(Exception(reply)), kind)


async def test_a_server_that_turns_everybody_away_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """What it says before anybody asked is in the log, and the next try goes on."""
    calls = asyncio.Semaphore(0)

    async def turn_away(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"-DENIED in protected mode\r\n")
        await writer.drain()
        writer.close()
        calls.release()

    server = await asyncio.start_server(turn_away, "127.0.0.1", 0)
    pipe = Pipe(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    keeping = asyncio.create_task(pipe.keep())
    await calls.acquire()
    await calls.acquire()
    keeping.cancel()
    await asyncio.wait([keeping])
    server.close()
    assert "Redis said without being asked: DENIED in protected mode" in caplog.text
