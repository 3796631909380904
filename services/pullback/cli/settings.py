"""Settings that a command hands to the process it becomes, as ``PULLBACK_`` variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# The gateway's own defaults, for the half of an address that was not given.
_HOST = "127.0.0.1"
_PORT = 50_051


def gateway_settings(host: str | None, port: int | None) -> dict[str, str]:
    """Gives the variables for a gateway; what was not asked for is left to its own settings."""
    if host is None and port is None:
        return {}
    name = host or _HOST
    bracketed = f"[{name}]" if ":" in name and not name.startswith("[") else name
    return {"PULLBACK_LISTEN": f"{bracketed}:{_PORT if port is None else port}"}


def worker_settings(device: str | None, workers: int | None) -> dict[str, str]:
    """Gives the variables for a worker; what was not asked for is left to its own settings."""
    variables = {}
    if device is not None:
        variables["PULLBACK_DEVICE"] = device
    if workers is not None:
        variables["PULLBACK_SLOTS"] = str(workers)
    return variables


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Gives this process's environment with `variables` on top."""
    return {**os.environ, **variables}
