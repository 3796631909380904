"""Redis behind a Unix socket, for each of the ways to it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import redis

from pullback.broker import Line, Pipe, connect, connect_async
from pullback.broker.embedded.log import ServerLog
from pullback.broker.wakeups import celery_app, celery_options
from pullback.contract.names import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pullback.broker.embedded import Server

PASSWORD = "a/b"  # noqa: S105 - of a server that lives for one test


@pytest.fixture
def url(valkey: Server, tmp_path: Path) -> Iterator[str]:
    """The URL of a database, not the first, of a server that listens on a socket only."""
    path = tmp_path / "redis.sock"
    command = [
        str(valkey.path),
        "--port",
        "0",
        "--unixsocket",
        str(path),
        "--requirepass",
        PASSWORD,
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        log = ServerLog(process.stdout)
        assert log.wait_until_ready(10)
        yield f"unix://:a%2Fb@{path}?db=3"
        process.kill()
        process.wait()
        log.close()


async def test_every_connection_of_ours_goes_by_a_socket(url: str) -> None:
    """The hot path's two kinds of connection and redis-py's write to the same database."""
    line, pipe = Line(url), Pipe(url)
    line.call("RPUSH", "list", "line")
    await pipe.open()
    await pipe.call("RPUSH", "list", "pipe")
    async with connect_async(url) as waiting:
        await waiting.rpush("list", "redis-py")
    with connect(url) as client:
        assert client.lrange("list", 0, -1) == [b"line", b"pipe", b"redis-py"]
    pipe.close()
    await pipe.down.wait()
    line.close()


def test_celery_sends_by_a_socket(url: str) -> None:
    """A wake-up lies in the queue of the database that the URL names."""
    with celery_app(url, takes=False) as app:
        app.send_task("wake", queue="queue")
    with redis.Redis.from_url(url) as client:
        assert client.llen(f"{PREFIX}celery:queue") == 1


@pytest.mark.parametrize("same", ["redis://:p@host:6379/1", "rediss://host/0"])
def test_celery_knows_other_urls_as_they_are(same: str) -> None:
    """Only Unix sockets are spelled otherwise."""
    assert celery_options(same, takes=True)["broker_url"] == same
