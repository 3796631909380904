from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from pullback.broker.embedded import binary
from pullback.broker.embedded.binary import find_server
from pullback.broker.embedded.version import Flavour
from pullback.contract.errors import InvalidArgument, QueueUnavailable

if TYPE_CHECKING:
    from pathlib import Path

VALKEY = "Valkey server v=9.1.2 sha=0"
REDIS = "Redis server v=7.0.15 sha=0"
OLD_REDIS = "Redis server v=6.0.16 sha=0"


class Desk(Protocol):
    """Furnishes a machine."""

    def __call__(self, *, packaged: str | None = None, **on_path: str) -> Path:
        """Puts programs in place that print these banners."""


def _program(path: Path, banner: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{banner}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A machine with exactly the servers that a test names; a `_` in a name stands for a hyphen."""

    def furnish(*, packaged: str | None = None, **on_path: str) -> Path:
        monkeypatch.setenv("PATH", str(tmp_path))
        for name, banner in on_path.items():
            _program(tmp_path / name.replace("_", "-"), banner)
        inside = None if packaged is None else _program(tmp_path / "packaged", packaged)
        monkeypatch.setattr(binary, "packaged_binary", lambda: inside)
        return tmp_path

    return furnish


def test_an_explicit_binary_comes_before_all_others(desk: Desk) -> None:
    """What the setting names is taken, whatever else there is."""
    place = desk(packaged=VALKEY, valkey_server=VALKEY, redis_server=REDIS)
    chosen = _program(place / "chosen", "Redis server v=7.2.4 sha=0")
    assert find_server(chosen).path == chosen


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ({"packaged": VALKEY, "valkey_server": VALKEY, "redis_server": REDIS}, "packaged"),
        ({"valkey_server": VALKEY, "redis_server": REDIS}, "valkey-server"),
        ({"redis_server": REDIS}, "redis-server"),
        ({"packaged": "no server at all", "redis_server": REDIS}, "redis-server"),
        ({"valkey_server": OLD_REDIS, "redis_server": REDIS}, "redis-server"),
    ],
)
def test_servers_are_tried_in_order(desk: Desk, servers: dict[str, str], expected: str) -> None:
    """The packaged server, then valkey-server, then redis-server; those of no use are passed over."""
    place = desk(**servers)
    assert find_server().path == place / expected


def test_the_flavour_is_told_by_the_banner_and_not_by_the_name(desk: Desk) -> None:
    """A Valkey that is installed as redis-server is a Valkey."""
    desk(redis_server=VALKEY)
    assert find_server().flavour == Flavour.VALKEY


def test_without_any_server_the_error_names_every_remedy(desk: Desk) -> None:
    """The user learns all the ways out at once."""
    desk()
    with pytest.raises(QueueUnavailable) as caught:
        find_server()
    for remedy in (
        "pullback[local]",
        "valkey-server",
        "redis-server",
        "7.0",
        "PULLBACK_REDIS_SERVER",
        "PULLBACK_REDIS_URL",
    ):
        assert remedy in str(caught.value)


def test_a_server_that_is_too_old_is_named_in_the_error(desk: Desk) -> None:
    """A user with an old Redis learns why it was not taken."""
    desk(redis_server=OLD_REDIS)
    with pytest.raises(QueueUnavailable, match=r"Redis 6\.0\.16, but 7\.0\.0 or newer is needed"):
        find_server()


@pytest.mark.parametrize(
    ("banner", "reason"),
    [
        (OLD_REDIS, "7.0.0 or newer is needed"),
        ("hello", "neither a Redis nor a Valkey server"),
    ],
)
def test_an_explicit_binary_of_no_use_is_an_error_of_its_own(desk: Desk, banner: str, reason: str) -> None:
    """Nobody's choice is replaced in silence by something else."""
    place = desk(packaged=VALKEY)
    chosen = _program(place / "chosen", banner)
    with pytest.raises(InvalidArgument, match=reason) as caught:
        find_server(chosen)
    assert caught.value.field == "PULLBACK_REDIS_SERVER"


def test_an_explicit_path_to_nothing_is_an_error(desk: Desk) -> None:
    """A path that is no executable file is said to be none."""
    place = desk(packaged=VALKEY)
    with pytest.raises(InvalidArgument, match="is not an executable file"):
        find_server(place / "nothing")


def test_a_file_that_cannot_be_executed_is_passed_over(desk: Desk) -> None:
    """A packaged binary for another processor does not stop the search."""
    place = desk(packaged=VALKEY, redis_server=REDIS)
    (place / "packaged").write_bytes(b"\x7fELF of another kind")
    assert find_server().path == place / "redis-server"
