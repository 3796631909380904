"""``pullback up``: Redis, a worker and a gateway on this machine, for as long as a terminal stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["up"]


def up(port: int | None, data_dir: Path | None, workers: int | None) -> int:
    """Runs everything on this machine until Ctrl-C or SIGTERM.

    Call it from the main thread.

    Args:
        port: where the gateway listens; 0 takes a free one; None leaves it to PULLBACK_LISTEN.
        data_dir: where jobs and results are kept; None takes the user's data directory.
        workers: evaluations that run at the same time; None leaves it to PULLBACK_SLOTS.

    Returns:
        The exit status: 0 after a clean stop, 1 when a part could not be started or kept up.
    """
    try:
        from pullback.cli.up.stack import run  # noqa: PLC0415 - needs packages that a client is installed without
    except ModuleNotFoundError as error:
        typer.echo(f"pullback up needs the package {error.name}: pip install 'pullback[local]'", err=True)
        return 1
    return run(port, data_dir, workers)
