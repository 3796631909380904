"""Who is measured: the servers that run, and the driver of each row."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.environments import python_of
from benchmarks.processes import free_port, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    # A driver's command line, for a length of measurement in seconds.
    Command = Callable[[float], Sequence[str | Path]]


@contextlib.contextmanager
def peers(scratch: Path, compute: str) -> Iterator[Mapping[str, Command]]:
    """Runs the peers' servers; yields the drivers of their rows, and of the local loop."""
    umbridge, federated = python_of("umbridge"), python_of("pytensor_federated")
    um_port, pf_port = str(free_port()), str(free_port())
    um_server: list[str | Path] = [umbridge, "-m", "benchmarks.peers.umbridge.server", um_port, compute]
    pf_server: list[str | Path] = [
        federated,
        "-m",
        "benchmarks.peers.pytensor_federated.server",
        pf_port,
        compute,
    ]
    um_driver: list[str | Path] = [umbridge, "-m", "benchmarks.peers.umbridge.driver", um_port]
    pf_driver: list[str | Path] = [federated, "-m", "benchmarks.peers.pytensor_federated.driver", pf_port]
    with (
        serving(um_server, int(um_port), scratch / "umbridge.log"),
        serving(pf_server, int(pf_port), scratch / "pytensor_federated.log"),
    ):
        yield {
            "local": lambda s: [sys.executable, "-m", "benchmarks.peers.local.driver", str(s)],
            "pytensor_federated": lambda s: [*pf_driver, str(s)],
            "umbridge_sequential": lambda s: [*um_driver, "sequential", str(s)],
            "umbridge_callers": lambda s: [*um_driver, "callers", str(s)],
            "umbridge_lean": lambda s: [*um_driver, "lean", str(s)],
        }


@contextlib.contextmanager
def pullback(scratch: Path, workers: int) -> Iterator[str]:
    """Runs the whole system on an empty data directory; yields its address."""
    port = free_port()
    command = [str(Path(sys.executable).with_name("pullback")), "up", "--port", str(port)]
    command += ["--data-dir", str(scratch / "data"), "--workers", str(workers)]
    with serving(command, port, scratch / "pullback.log", ready=b"pullback is up on"):
        yield f"127.0.0.1:{port}"


def ours(address: str, rows: Sequence[str]) -> Mapping[str, Command]:
    """Returns the drivers of our rows against a running system."""

    def command(row: str) -> Command:
        return lambda s: [sys.executable, "-m", "benchmarks.ours", address, row, "--seconds", str(s)]

    return {row: command(row) for row in rows}
