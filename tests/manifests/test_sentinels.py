"""What configure.sh decides: who is primary, by those that answer, by what is kept, or for the first time."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.manifests.rendering import K8S

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = K8S / "components" / "redis-sentinel" / "configure.sh"


def _configure(folder: Path, number: int, answers: dict[int, str]) -> tuple[str, str]:
    """Runs the script in pod `number`, where the Sentinels of some pods answer; gives both configurations."""
    binaries, run, data = (folder / name for name in ("bin", "run", "data"))
    for each in (binaries, run, data):
        each.mkdir(exist_ok=True)
    cases = "\n".join(
        f"pullback-redis-{pod}.pullback-redis) printf '{answer}\\n6379\\n' ;;"
        for pod, answer in answers.items()
    )
    client = binaries / "valkey-cli"
    client.write_text(f"#!/bin/sh\ncase $2 in\n{cases}\n*) exit 1 ;;\nesac\n")
    client.chmod(0o755)
    environment = {
        "PATH": f"{binaries}:{os.environ['PATH']}",
        "POD_NAME": f"pullback-redis-{number}",
        "SERVICE": "pullback-redis",
        "REPLICAS": "3",
        "REPLICA_PASSWORD": "r-secret",
        "SENTINEL_PASSWORD": "s-secret",
        "RUN": str(run),
        "DATA": str(data),
    }
    subprocess.run(["sh", str(SCRIPT)], env=environment, check=True, capture_output=True)
    return (run / "redis.conf").read_text(), (data / "sentinel.conf").read_text()


def _host(number: int) -> str:
    return f"pullback-redis-{number}.pullback-redis"


@pytest.mark.parametrize("number", [0, 1, 2])
def test_for_the_first_time_the_first_is_primary(tmp_path: Path, number: int) -> None:
    """Nobody answers and nothing is kept: the others are its replicas."""
    redis, sentinel = _configure(tmp_path, number, {})
    assert (f"replicaof {_host(0)} 6379" in redis) == (number != 0)
    assert f"sentinel monitor pullback {_host(0)} 6379 2" in sentinel
    assert f"replica-announce-ip {_host(number)}" in redis
    assert "min-replicas-to-write 1" in redis


def test_the_others_know_better(tmp_path: Path) -> None:
    """After a fail-over the first comes back as a replica, whatever it kept."""
    _configure(tmp_path, 0, {})
    redis, _ = _configure(tmp_path, 0, {2: _host(1)})
    assert f"replicaof {_host(1)} 6379" in redis


def test_whom_the_others_still_follow_is_primary(tmp_path: Path) -> None:
    """It was away for less time than they wait."""
    redis, _ = _configure(tmp_path, 1, {0: _host(1), 2: _host(1)})
    assert "replicaof" not in redis


def test_when_all_start_at_once_what_was_kept_counts(tmp_path: Path) -> None:
    """Nobody answers: the one that was followed last is followed again, and the Sentinel's file is its own."""
    _configure(tmp_path, 2, {})
    kept = tmp_path / "data" / "sentinel.conf"
    kept.write_text(
        kept.read_text().replace(f"monitor pullback {_host(0)}", f"monitor pullback {_host(1)}") + "# kept\n"
    )
    redis, sentinel = _configure(tmp_path, 2, {})
    assert f"replicaof {_host(1)} 6379" in redis
    assert "# kept" in sentinel


@pytest.mark.parametrize("answer", ["", "NOAUTH Authentication required.", "10.0.0.7", "ERR no such master"])
def test_an_answer_that_names_none_of_them_counts_for_nothing(tmp_path: Path, answer: str) -> None:
    """An error in words, an address, or silence."""
    redis, _ = _configure(tmp_path, 1, {0: answer, 2: answer})
    assert f"replicaof {_host(0)} 6379" in redis


def test_a_password_that_changed_is_the_new_one(tmp_path: Path) -> None:
    """The file that the Sentinel keeps has it once."""
    _configure(tmp_path, 0, {})
    kept = tmp_path / "data" / "sentinel.conf"
    kept.write_text(kept.read_text().replace("s-secret", "old"))
    _, sentinel = _configure(tmp_path, 0, {})
    assert sentinel.count("sentinel auth-pass pullback") == 1
    assert "sentinel auth-pass pullback s-secret" in sentinel
    assert kept.stat().st_mode & 0o077 == 0
