from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

import pytest
import typer

from pullback.cli import processes
from pullback.cli.processes import NEEDS, Role, become
from pullback.cli.settings import gateway_settings, worker_settings


@pytest.mark.parametrize(
    ("host", "port", "listen"),
    [
        ("0.0.0.0", None, "0.0.0.0:50051"),  # noqa: S104 - nothing listens here
        (None, 0, "127.0.0.1:0"),
        ("::1", 7000, "[::1]:7000"),
        ("[::]", 7000, "[::]:7000"),
    ],
)
def test_half_an_address_is_completed(
    host: str | None, port: int | None, listen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host and port become one address, with IPv6 in brackets."""
    monkeypatch.delenv("PULLBACK_LISTEN", raising=False)
    assert gateway_settings(host, port) == {"PULLBACK_LISTEN": listen}


def test_the_other_half_is_the_environments(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--port` keeps the host of PULLBACK_LISTEN, and `--host` its port."""
    monkeypatch.setenv("PULLBACK_LISTEN", "[::]:7000")
    assert gateway_settings(None, 8000) == {"PULLBACK_LISTEN": "[::]:8000"}
    assert gateway_settings("localhost", None) == {"PULLBACK_LISTEN": "localhost:7000"}


def test_half_an_address_is_not_completed_by_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PULLBACK_LISTEN that is no address is wrong usage."""
    monkeypatch.setenv("PULLBACK_LISTEN", "nonsense")
    with pytest.raises(typer.BadParameter, match="PULLBACK_LISTEN: write host:port"):
        gateway_settings(None, 8000)


def test_what_is_not_asked_for_is_left_to_the_settings() -> None:
    """Without options no variable is set, so that those of the environment hold."""
    assert gateway_settings(None, None) == {}
    assert worker_settings(None, None) == {}
    assert worker_settings("cuda", 3) == {"PULLBACK_DEVICE": "cuda", "PULLBACK_SLOTS": "3"}


@pytest.mark.parametrize("role", NEEDS)
def test_the_command_becomes_the_process(role: Role, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module is run by this interpreter, with the variables on top of the environment."""
    seen: list[Any] = []
    monkeypatch.setenv("PULLBACK_KEPT", "yes")
    monkeypatch.setattr(processes, "find_spec", lambda name: name)
    monkeypatch.setattr(os, "execve", lambda *arguments: seen.extend(arguments))
    become(role, {"PULLBACK_SLOTS": "3"})
    program, arguments, environment = seen
    assert program == sys.executable
    assert arguments == [sys.executable, "-m", f"pullback.{role}"]
    assert (environment["PULLBACK_KEPT"], environment["PULLBACK_SLOTS"]) == ("yes", "3")


@pytest.mark.parametrize("role", NEEDS)
def test_a_missing_extra_is_named(
    role: Role, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message says what to install, and nothing is started."""

    def never(*_: object) -> NoReturn:
        pytest.fail("a process was started")

    monkeypatch.setattr(processes, "find_spec", lambda name: None if name == "celery" else name)
    monkeypatch.setattr(os, "execve", never)
    with pytest.raises(typer.Exit) as caught:
        become(role, {})
    assert caught.value.exit_code == 1
    assert f"needs celery: pip install 'pullback[{role}]'" in capsys.readouterr().err
