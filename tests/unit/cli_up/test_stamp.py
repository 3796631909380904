from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from pullback.broker.embedded.binary import Server
from pullback.broker.embedded.stamp import Stamp, refusal, stamp_of
from pullback.broker.embedded.version import Flavour, Version


def _server(text: str) -> Server:
    flavour, version = text.split()
    return Server(Path("/bin/server"), Flavour(flavour), Version.parse(version))


@pytest.mark.parametrize(
    ("written", "opened", "allowed"),
    [
        ("redis 7.0.15", "redis 7.0.15", True),
        ("redis 7.0.15", "redis 7.0.16", True),
        ("redis 7.0.9", "redis 7.0.15", True),
        ("redis 7.0.15", "redis 8.2.3", True),
        ("redis 7.0.15", "redis 7.0.9", False),
        ("redis 8.2.3", "redis 7.0.15", False),
        ("valkey 9.1.2", "valkey 9.1.2", True),
        ("valkey 9.1.2", "valkey 10.0.0", True),
        ("valkey 9.1.2", "valkey 9.1.1", False),
        ("valkey 9.1.2", "valkey 8.1.8", False),
        ("redis 7.0.15", "valkey 9.1.2", True),
        ("redis 7.2.4", "valkey 7.2.5", True),
        ("redis 7.4.0", "valkey 9.1.2", False),
        ("redis 8.2.3", "valkey 9.1.2", False),
        ("valkey 9.1.2", "redis 7.0.15", False),
        ("valkey 7.2.5", "redis 8.2.3", False),
    ],
)
def test_a_directory_opens_only_for_servers_that_can_read_it(
    written: str, opened: str, *, allowed: bool
) -> None:
    """The table of who may open what: the same or newer, and Valkey for what Redis up to 7.2 wrote."""
    reason = refusal(stamp_of(_server(written)), _server(opened))
    assert (reason is None) == allowed


def test_a_refusal_names_both_servers() -> None:
    """The user learns who wrote the data and who was to read them."""
    reason = refusal(stamp_of(_server("valkey 9.1.2")), _server("redis 7.0.15"))
    assert reason == "was written by Valkey 9.1.2, and Redis 7.0.15 cannot read it"


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"flavour": "keydb", "version": "6.3.4"}',
        '{"flavour": "redis", "version": "seven"}',
        '{"flavour": "redis", "version": "7.0"}',
        '{"flavour": "redis", "version": "7.0.15", "more": 1}',
        "not json",
    ],
)
def test_a_stamp_that_says_anything_else_is_not_believed(text: str) -> None:
    """A stamp names one of two flavours and three numbers, and nothing more."""
    with pytest.raises(ValidationError):
        Stamp.model_validate_json(text)
