"""Starting servers and drivers, and leaving none behind."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from typing import TYPE_CHECKING

import psutil

from benchmarks.environments import ROOT
from benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

# Seconds. A server imports torch, which takes some on a cold disk.
START_LIMIT = 60.0

# Seconds between SIGTERM and SIGKILL.
STOP_LIMIT = 10.0


class FailedError(Exception):
    """A server did not start, or a driver failed."""


def free_port() -> int:
    """Returns a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(
    command: Sequence[str | Path], port: int, log: Path, ready: bytes | None = None
) -> Iterator[None]:
    """Runs a server until the block is left, then stops its whole process tree.

    Args:
        command: the server.
        port: where it will listen.
        log: takes what it prints.
        ready: what it prints when it is ready; None: it is ready when it accepts a connection.

    Raises:
        FailedError: it ended, or was not ready in time.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT, env=_environment()
        )
    try:
        _wait(process, port, log, ready)
        yield
    finally:
        _stop(process)


def _environment() -> dict[str, str]:
    return os.environ | {"PYTHONUNBUFFERED": "1"}


def _wait(process: subprocess.Popen[bytes], port: int, log: Path, ready: bytes | None) -> None:
    give_up = time.monotonic() + START_LIMIT
    while not (_accepts(port) if ready is None else ready in log.read_bytes()):
        if process.poll() is not None or time.monotonic() > give_up:
            raise FailedError(f"{log.stem} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    if process.poll() is not None:
        return
    tree = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    try:
        process.wait(STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _, alive = psutil.wait_procs(tree, timeout=1.0)
    for orphan in alive:
        orphan.kill()


def drive(command: Sequence[str | Path], limit: float) -> Figure:
    """Runs a driver to its end and returns the figure that it printed.

    Raises:
        FailedError: it failed, got a wrong answer, or took longer than `limit` seconds.
    """
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=_environment()
    )
    try:
        output, errors = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise FailedError(f"{' '.join(map(str, command))} took longer than {limit:.0f} s") from None
    finally:
        _stop(process)
    if process.returncode:
        raise FailedError(f"{' '.join(map(str, command))} failed:\n{errors[-2000:]}")
    return Figure.from_line(output.splitlines()[-1])
