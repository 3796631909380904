from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from pullback.broker.embedded import DataDirectory, EmbeddedRedis, Server, directory
from pullback.contract.errors import InvalidArgument, QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# How long the kernel and a dying server may take, in seconds; far beyond what they need.
PATIENCE = 30.0

_OWNER = """
import sys
from pathlib import Path
from pullback.broker.embedded import EmbeddedRedis, find_server
with EmbeddedRedis(Path(sys.argv[1]), server=find_server(Path(sys.argv[2]))) as server:
    print(server.process.pid, server.url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def _owner(path: Path, server: Server) -> Iterator[tuple[subprocess.Popen[str], psutil.Process, str]]:
    """A process that runs a server on a directory: itself, the server, and the server's URL."""
    command = [sys.executable, "-c", _OWNER, str(path), str(server.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        pid, url = owner.stdout.readline().split()
        try:
            yield owner, psutil.Process(int(pid)), url
        finally:
            owner.kill()


def _set(url: str, key: str, value: str) -> None:
    with redis.Redis.from_url(url) as client:
        client.set(key, value)


def _get(url: str, key: str) -> object:
    with redis.Redis.from_url(url, decode_responses=True) as client:
        return client.get(key)


def test_no_server_is_left_when_its_parent_is_killed(each_server: Server, tmp_path: Path) -> None:
    """After SIGKILL of the parent the server ends by itself."""
    with _owner(tmp_path, each_server) as (owner, server, _):
        owner.kill()
        server.wait(PATIENCE)
        assert not server.is_running()


def test_a_successor_takes_over_at_once_from_a_killed_owner(each_server: Server, tmp_path: Path) -> None:
    """The next owner waits for the dying server, and has its data."""
    with _owner(tmp_path, each_server) as (owner, _, url):
        _set(url, "key", "value")
        owner.kill()
        owner.wait()
        with EmbeddedRedis(tmp_path, server=each_server) as successor:
            assert _get(successor.url, "key") == "value"


def test_a_directory_is_locked_for_as_long_as_its_server_lives(
    each_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that outlives its killed owner for a moment still has the directory to itself."""
    monkeypatch.setattr(directory, "HANDOVER_SECONDS", 0.0)
    with _owner(tmp_path, each_server) as (owner, server, _):
        server.suspend()
        owner.kill()
        owner.wait()
        with pytest.raises(QueueUnavailable, match="in use"):
            DataDirectory.take(tmp_path, each_server)
        server.resume()
        server.wait(PATIENCE)
        with DataDirectory.take(tmp_path, each_server) as taken:
            assert taken.path == tmp_path


def test_a_second_owner_is_refused_and_told_who_the_first_is(valkey: Server, tmp_path: Path) -> None:
    """The error names the process that has the directory, and the first owner's server runs on."""
    with _owner(tmp_path, valkey) as (owner, _, url):
        with pytest.raises(QueueUnavailable, match=rf"in use by process {owner.pid}:"):
            EmbeddedRedis(tmp_path, server=valkey).start()
        _set(url, "key", "value")
        assert _get(url, "key") == "value"


def test_one_process_cannot_own_a_directory_twice(valkey: Server, tmp_path: Path) -> None:
    """A second object of the same process is a second owner."""
    with EmbeddedRedis(tmp_path, server=valkey), pytest.raises(QueueUnavailable, match="in use by process"):
        EmbeddedRedis(tmp_path, server=valkey).start()


def test_redis_is_refused_what_valkey_wrote(valkey: Server, redis_7: Server, tmp_path: Path) -> None:
    """The wrong server is not even started; the message says who wrote the data and what to do."""
    with EmbeddedRedis(tmp_path, server=valkey) as server:
        _set(server.url, "key", "value")
    with pytest.raises(
        InvalidArgument, match=rf"was written by {valkey}, and {redis_7} cannot read it.*choose"
    ):
        EmbeddedRedis(tmp_path, server=redis_7).start()
    with EmbeddedRedis(tmp_path, server=valkey) as server:
        assert _get(server.url, "key") == "value"


def test_valkey_takes_over_what_redis_wrote(valkey: Server, redis_7: Server, tmp_path: Path) -> None:
    """The data move to Valkey, and there is no way back."""
    with EmbeddedRedis(tmp_path, server=redis_7) as server:
        _set(server.url, "key", "value")
    with EmbeddedRedis(tmp_path, server=valkey) as server:
        assert _get(server.url, "key") == "value"
    with pytest.raises(InvalidArgument, match=f"was written by {valkey}"):
        EmbeddedRedis(tmp_path, server=redis_7).start()


def test_an_older_server_than_the_writer_is_refused(each_server: Server, tmp_path: Path) -> None:
    """A directory that a newer release wrote stays closed to an older one."""
    (tmp_path / "server.json").write_text(f'{{"flavour": "{each_server.flavour}", "version": "99.0.0"}}')
    with pytest.raises(InvalidArgument, match=r"99\.0\.0, and the older"):
        EmbeddedRedis(tmp_path, server=each_server).start()
