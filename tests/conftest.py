"""Fixtures for all tests that need a Redis: a server of their own, on data of their own. Settings of hypothesis."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, final

import pytest
from hypothesis import settings

from pullback.broker.embedded import EmbeddedRedis, find_server
from pullback.contract.errors import QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pullback.broker.embedded import Server


# Shells start background jobs with SIGINT ignored, and nohup with SIGHUP; processes inherit that, and the commands that
# tests interrupt would heed it. One that is caught here is ignored as before, and is as usual in what is started.
for number in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# No test asserts a duration; hypothesis does so by itself, and fails on a machine that is busy with something else.
settings.register_profile("ours", deadline=None)
settings.load_profile("ours")


@final
class RedisControl:
    """A server that a test may hurt."""

    def __init__(self, server: EmbeddedRedis, data: Path) -> None:
        self._server = server
        #: Its data directory.
        self.data = data

    @property
    def url(self) -> str:
        """The URL to connect to; it stays the same over restarts."""
        return self._server.url

    @property
    def pid(self) -> int:
        """The process id of the server that runs, or ran last."""
        assert self._server.process is not None
        return self._server.process.pid

    def kill(self) -> None:
        """Kills the server as a power cut would, and waits until it is gone."""
        assert self._server.process is not None
        self._server.process.kill()
        self._server.process.wait()

    def restart(self) -> None:
        """Starts a killed server again, on the same port and data, and waits until it answers."""
        self._server.start()

    def freeze(self) -> None:
        """Stops the server from running; its connections stay open."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets a frozen server run on."""
        os.kill(self.pid, signal.SIGCONT)

    def running(self) -> bool:
        """Tells whether the server's process lives."""
        return self._server.process is not None and self._server.process.poll() is None


@pytest.fixture(scope="session")
def missing() -> Callable[[str], NoReturn]:
    """Skips at a desk, where a server may be missing; fails in CI, where none may be."""

    def skip_or_fail(reason: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)

    return skip_or_fail


@pytest.fixture(scope="session")
def graphviz(missing: Callable[[str], NoReturn]) -> None:
    """Pictures of graphs are drawn by Graphviz, which is no Python package."""
    if shutil.which("dot") is None:
        missing("Graphviz is not installed")


@pytest.fixture(scope="session")
def redis_binary(missing: Callable[[str], NoReturn]) -> Server:
    """The server under test: the one that PULLBACK_REDIS_SERVER names, or the one found first."""
    explicit = os.environ.get("PULLBACK_REDIS_SERVER")
    try:
        return find_server(Path(explicit) if explicit else None)
    except QueueUnavailable as error:
        missing(str(error))


@pytest.fixture(scope="session")
def redis_url(redis_binary: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a server that all tests of a session share, and none may hurt."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), server=redis_binary) as server:
        yield server.url


@pytest.fixture
def redis_server(redis_binary: Server, tmp_path: Path) -> Iterator[RedisControl]:
    """A server of one test's own, which may be killed, restarted and frozen."""
    with EmbeddedRedis(tmp_path / "redis", server=redis_binary) as server:
        control = RedisControl(server, tmp_path / "redis")
        yield control
        if control.running():
            control.thaw()
