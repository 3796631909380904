from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
import redis

from pullback.broker.embedded import EmbeddedRedis, Server
from pullback.contract.errors import QueueUnavailable

if TYPE_CHECKING:
    from pathlib import Path

ENTRIES = 1_000


def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, decode_responses=True)


def _write(url: str) -> None:
    with _client(url) as client:
        client.rpush("list", *range(ENTRIES))


def _written(url: str) -> int:
    with _client(url) as client:
        return int(client.llen("list"))


def test_data_survive_sigkill_and_a_restart_under_the_same_url(each_server: Server, tmp_path: Path) -> None:
    """A killed server comes back with what it had acknowledged, where its clients look for it."""
    with EmbeddedRedis(tmp_path, server=each_server) as server:
        before = server.url
        _write(before)
        assert server.process is not None
        server.process.kill()
        server.process.wait()
        assert server.start() == before
        assert _written(before) == ENTRIES


def test_data_survive_a_clean_stop(each_server: Server, tmp_path: Path) -> None:
    """A later server on the same directory has the data, under another password."""
    with EmbeddedRedis(tmp_path, server=each_server) as first:
        old_url = first.url
        _write(old_url)
    with EmbeddedRedis(tmp_path, server=each_server) as second:
        assert _written(second.url) == ENTRIES
        assert second.url != old_url


def test_a_directory_may_have_any_name(each_server: Server, tmp_path: Path) -> None:
    """Blanks, quotes, newlines and letters beyond ASCII in a path reach the server as they are."""
    path = tmp_path / 'a "b"\n\\ é'
    with EmbeddedRedis(path, server=each_server) as server:
        _write(server.url)
    assert (path / "appendonlydir").is_dir()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", ""),
        ("maxmemory-policy", "noeviction"),
        ("protected-mode", "yes"),
        ("bind", "127.0.0.1"),
    ],
)
def test_the_server_runs_as_durable_and_as_private_as_it_was_told(
    setting: str, value: str, each_server: Server, tmp_path: Path
) -> None:
    """What promises rest on is asked of the running server, and not of our own text."""
    with EmbeddedRedis(tmp_path, server=each_server) as server, _client(server.url) as client:
        assert client.config_get(setting) == {setting: value}


def test_nobody_gets_in_without_the_password(each_server: Server, tmp_path: Path) -> None:
    """Another user of the machine can connect, and can do nothing then."""
    with EmbeddedRedis(tmp_path, server=each_server) as server:
        address = server.url.rpartition("@")[2]
        with _client(f"redis://{address}") as client, pytest.raises(redis.AuthenticationError):
            client.ping()


def test_the_password_is_in_a_private_file_only(each_server: Server, tmp_path: Path) -> None:
    """No list of processes shows the password, and no other user may read the file."""
    with EmbeddedRedis(tmp_path, server=each_server) as server:
        password = server.url.partition("//:")[2].partition("@")[0]
        assert len(password) == 64
        assert server.process is not None
        assert password not in " ".join(psutil.Process(server.process.pid).cmdline())
        config = tmp_path / "server.conf"
        assert password in config.read_text()
        assert config.stat().st_mode & 0o777 == 0o600


def test_only_loopback_is_listened_on(each_server: Server, tmp_path: Path) -> None:
    """The server is out of reach for other machines."""
    with EmbeddedRedis(tmp_path, server=each_server) as server:
        assert server.process is not None
        listening = psutil.Process(server.process.pid).net_connections()
        assert {entry.laddr.ip for entry in listening if entry.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_a_server_that_does_not_start_says_why(each_server: Server, tmp_path: Path) -> None:
    """The error carries the server's own last words, and the directory is free again."""
    with EmbeddedRedis(tmp_path, server=each_server) as server:
        _write(server.url)
    manifest = tmp_path / "appendonlydir" / "appendonly.aof.manifest"
    whole = manifest.read_bytes()
    manifest.write_bytes(b"no manifest at all\n")
    with pytest.raises(QueueUnavailable, match=r"(?s)did not start.*AOF"):
        EmbeddedRedis(tmp_path, server=each_server).start()
    manifest.write_bytes(whole)
    with EmbeddedRedis(tmp_path, server=each_server) as server:
        assert _written(server.url) == ENTRIES


def test_a_running_server_is_not_started_twice(valkey: Server, tmp_path: Path) -> None:
    """A second start is refused and does the first no harm."""
    with EmbeddedRedis(tmp_path, server=valkey) as server:
        with pytest.raises(QueueUnavailable, match="runs already"):
            server.start()
        _write(server.url)
        assert _written(server.url) == ENTRIES


def test_stop_leaves_no_process_and_may_be_called_again(valkey: Server, tmp_path: Path) -> None:
    """After stop the server is gone, and so is its URL."""
    server = EmbeddedRedis(tmp_path, server=valkey)
    server.start()
    assert server.process is not None
    pid = server.process.pid
    server.stop()
    assert not psutil.pid_exists(pid)
    server.stop()
    with pytest.raises(QueueUnavailable, match="was not started"):
        _ = server.url
