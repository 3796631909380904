"""Settings that a command hands to the process it becomes, as ``PULLBACK_`` variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import typer

from pullback.contract.settings import ENV_PREFIX, host_and_port

if TYPE_CHECKING:
    from collections.abc import Mapping

# Not imported from the gateway, which a command line may be installed without; a test compares the two.
DEFAULT_LISTEN = "127.0.0.1:50051"

_LISTEN = f"{ENV_PREFIX}LISTEN"


def gateway_settings(host: str | None, port: int | None) -> dict[str, str]:
    """Gives the variables for a gateway; what was not asked for is left to its own settings.

    Raises:
        typer.BadParameter: half an address was asked for, and the environment's has no other half.
    """
    if host is None and port is None:
        return {}
    try:
        return {_LISTEN: completed(os.environ.get(_LISTEN) or DEFAULT_LISTEN, host, port)}
    except ValueError as error:
        raise typer.BadParameter(f"{_LISTEN}: {error}") from error


def completed(listen: str, host: str | None, port: int | None) -> str:
    """Puts a host or a port, or both, in the place of those of an address.

    Raises:
        ValueError: `listen` is no address.
    """
    old_host, old_port = host_and_port(listen)
    name = host or old_host
    bracketed = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return f"{bracketed}:{old_port if port is None else port}"


def worker_settings(device: str | None, workers: int | None) -> dict[str, str]:
    """Gives the variables for a worker; what was not asked for is left to its own settings."""
    variables = {}
    if device is not None:
        variables[f"{ENV_PREFIX}DEVICE"] = device
    if workers is not None:
        variables[f"{ENV_PREFIX}SLOTS"] = str(workers)
    return variables


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Gives this process's environment with `variables` on top."""
    return {**os.environ, **variables}
