"""Commands that replace themselves with another process of ours."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Literal, NoReturn

import typer

from pullback.cli.exits import FAILED
from pullback.cli.settings import environment

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["gateway", "worker"]

#: Role -> the packages that it imports and the base install lacks.
NEEDS: dict[Role, tuple[str, ...]] = {
    "gateway": ("celery", "grpc_health", "grpc_reflection", "pydantic_settings", "redis", "uvloop"),
    "worker": ("celery", "pydantic_settings", "redis", "torch"),
}


def become(role: Role, variables: Mapping[str, str]) -> NoReturn:
    """Replaces this process, so that signals reach the other and nothing of the command stays in memory.

    Raises:
        typer.Exit: packages are missing; a message says how to get them.
    """
    missing = [name for name in NEEDS[role] if find_spec(name) is None]
    if missing:
        typer.echo(f"pullback: a {role} needs {', '.join(missing)}: pip install 'pullback[{role}]'", err=True)
        raise typer.Exit(FAILED)
    arguments = [sys.executable, "-m", f"pullback.{role}"]
    os.execve(sys.executable, arguments, environment(variables))  # noqa: S606 - our module, no shell
