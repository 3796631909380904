from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
from pydantic import ValidationError

from pullback.cli.settings import DEFAULT_LISTEN
from pullback.contract.limits import Limits
from pullback.gateway.settings import GatewaySettings


def _run(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pullback.gateway"],
        env={**os.environ, **variables},
        check=False,
        capture_output=True,
        text=True,
    )


def test_an_empty_variable_is_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment may leave a variable empty to take the default."""
    monkeypatch.setenv("PULLBACK_LISTEN", "")
    assert GatewaySettings().listen == DEFAULT_LISTEN


def test_a_limit_is_set_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """One variable for each limit; those that are not set keep their defaults."""
    monkeypatch.setenv("PULLBACK_LIMITS_STATEMENTS", "7")
    assert GatewaySettings().limits == Limits(statements=7)


def test_a_wrong_limit_is_explained_by_its_variable() -> None:
    """Below one, or of a name that there is not."""
    process = _run(PULLBACK_LIMITS_WORK="0")
    assert process.stderr == "PULLBACK_LIMITS_WORK: Input should be greater than 0\n"
    process = _run(PULLBACK_LIMITS_WROK="5")
    assert process.stderr == "PULLBACK_LIMITS_WROK: Extra inputs are not permitted\n"


def test_a_tenants_header_is_a_key_of_metadata() -> None:
    """One of capitals, or of bytes, could never be found."""
    for key in ("X-Tenant", "tenant-bin!", "x tenant"):
        with pytest.raises(ValidationError):
            GatewaySettings(tenant_header=key)
    with pytest.raises(ValidationError, match="hold text"):
        GatewaySettings(tenant_header="tenant-bin")
    assert GatewaySettings(tenant_header="x-tenant").tenant_header == "x-tenant"


def test_a_wrong_setting_is_explained_in_one_line() -> None:
    """The variable is named, its password is not shown, and the exit status is that of wrong usage."""
    process = _run(PULLBACK_REDIS_URL="http://:secret@redis.example")
    assert process.returncode == 2
    assert process.stderr == (
        "PULLBACK_REDIS_URL: write a URL that begins with redis://, rediss://, redis+sentinel://, "
        "rediss+sentinel:// or unix://\n"
    )


def test_a_port_that_is_taken_is_said_to_be() -> None:
    """The address is named with what to do about it, without a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        process = _run(PULLBACK_LISTEN=address)
    assert process.returncode == 1
    # gRPC's own log may have a line above ours.
    assert process.stderr.splitlines()[-1] == (
        f"cannot listen on {address}: the port is taken, or the address is not this machine's; "
        "choose another with --port or PULLBACK_LISTEN"
    )
    assert "Traceback" not in process.stderr
