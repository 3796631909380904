"""The three parts of a Pullback on one machine, and the run of them."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from pullback.broker.embedded import (
    READY_TEXT,
    STOP_SECONDS,
    DataDirectory,
    find_server,
    free_port,
    leashed,
    prepare,
)
from pullback.cli.settings import DEFAULT_LISTEN, completed
from pullback.cli.up.existing import ensure_answers, without_secrets
from pullback.cli.up.part import Part
from pullback.cli.up.settings import UpSettings, part_environment
from pullback.cli.up.supervisor import Supervisor
from pullback.contract.errors import PullbackError
from pullback.contract.settings import explain, host_and_port

if TYPE_CHECKING:
    from pathlib import Path

#: Hosts that stand for this machine: what listens there is found where the other commands look first.
_LOCAL_HOSTS = {"127.0.0.1", "0.0.0.0", "[::]", "localhost"}  # noqa: S104 - compared, not bound

#: The port that the other commands take for granted.
_DEFAULT_PORT = host_and_port(DEFAULT_LISTEN)[1]

#: How long each part may take until it is ready, in seconds. Redis may have gigabytes to load; a worker loads
#: torch, which takes a minute from a cold disk.
REDIS_READY_SECONDS = 600.0
WORKER_READY_SECONDS = 120.0
GATEWAY_READY_SECONDS = 30.0

#: How long each part may take to stop, in seconds. A gateway first waits for evaluations in flight, for ten
#: seconds unless it is set otherwise. A worker that is killed loses no job.
WORKER_STOP_SECONDS = 20.0
GATEWAY_STOP_SECONDS = 15.0

#: The folder of the embedded Redis in the data directory.
_REDIS_DIR = "redis"


@dataclass(frozen=True)
class Commands:
    """What is run as gateway and as worker.

    Attributes:
        gateway: a command line that prints ``pullback gateway ready: HOST:PORT``.
        worker: a command line that prints ``pullback worker ready: …``.
    """

    # -P: no module of the user's working directory stands in for one of ours.
    gateway: tuple[str, ...] = (sys.executable, "-P", "-m", "pullback.gateway")
    worker: tuple[str, ...] = (sys.executable, "-P", "-m", "pullback.worker")


def run(
    port: int | None, data_dir: Path | None, workers: int | None, commands: Commands | None = None
) -> int:
    """Runs Redis, a worker and a gateway until a signal comes or one of them cannot be kept up.

    Args:
        port: where the gateway listens; 0 takes a free one; None leaves it to PULLBACK_LISTEN.
        data_dir: where jobs and results are kept; None takes the user's data directory.
        workers: slots of the worker; None leaves them to PULLBACK_SLOTS.
        commands: what to run as worker and as gateway.

    Returns:
        The exit status.
    """
    try:
        settings = UpSettings()
        with ExitStack() as stack:
            redis, url = _redis(settings, data_dir or settings.data_dir, stack)
            address = _address(settings, port)
            parts = _parts(settings, url, address, workers or settings.slots, commands or Commands())
            supervisor = Supervisor([redis, parts], _say, lambda: _welcome(address))
            failure = asyncio.run(supervisor.run())
    except ValidationError as error:
        failure = f"pullback up: {explain(error)}"
    except PullbackError as error:
        failure = f"pullback up: {error}"
    if failure is None:
        return 0
    typer.echo(failure, err=True)
    return 1


def _address(settings: UpSettings, port: int | None) -> str:
    """Gives the gateway's address. A free port is chosen here, so that a gateway that died comes back on it."""
    address = completed(settings.listen, None, port)
    return completed(address, None, host_and_port(address)[1] or free_port())


def _parts(settings: UpSettings, url: str, address: str, slots: int, commands: Commands) -> list[Part]:
    _say(f"starting a worker with {slots} slots on {settings.device}, and a gateway on {address}")
    return [
        _worker(commands.worker, url, settings, slots),
        _gateway(commands.gateway, url, address),
    ]


def _next_port(address: str) -> str:
    """Gives where the worker listens for what looks at metrics, beside the gateway; port 0 takes a free one anyway."""
    if not address:
        return ""
    host, port = host_and_port(address)
    return f"{host}:{port + 1 if port else 0}"


def _redis(settings: UpSettings, data_dir: Path, stack: ExitStack) -> tuple[list[Part], str]:
    """Makes the Redis part, none where a Redis runs already, and the URL to reach it."""
    if settings.redis_url is not None:
        _say(f"using the Redis of PULLBACK_REDIS_URL, {without_secrets(settings.redis_url)}; starting none")
        ensure_answers(settings.redis_url)
        return [], settings.redis_url
    server = find_server(settings.redis_server)
    directory = stack.enter_context(DataDirectory.take(data_dir / _REDIS_DIR, server))
    launch = prepare(directory, server)
    _say(f"starting redis: {server} on {launch.address}, data in {directory.path}")
    part = Part(
        name="redis",
        command=launch.command,
        environment=part_environment(),
        ready=re.compile(READY_TEXT),
        ready_seconds=REDIS_READY_SECONDS,
        stop_seconds=STOP_SECONDS,
        descriptors=launch.descriptors,
        quiet=True,
    )
    return [part], launch.url


def _worker(command: tuple[str, ...], url: str, settings: UpSettings, slots: int) -> Part:
    return Part(
        name="worker",
        command=leashed(command, signal.SIGKILL),
        environment=part_environment(
            redis_url=url,
            device=settings.device,
            slots=str(slots),
            metrics_listen=_next_port(settings.metrics_listen),
        ),
        ready=re.compile("pullback worker ready: (.*)"),
        ready_seconds=WORKER_READY_SECONDS,
        stop_seconds=WORKER_STOP_SECONDS,
    )


def _gateway(command: tuple[str, ...], url: str, address: str) -> Part:
    return Part(
        name="gateway",
        command=leashed(command, signal.SIGKILL),
        environment=part_environment(redis_url=url, listen=address),
        ready=re.compile("pullback gateway ready: (.*)"),
        ready_seconds=GATEWAY_READY_SECONDS,
        stop_seconds=GATEWAY_STOP_SECONDS,
    )


def _welcome(address: str) -> None:
    host, port = host_and_port(address)
    where = "" if host in _LOCAL_HOSTS and port == _DEFAULT_PORT else f" --address {address}"
    _say(f"pullback is up on {address}")
    _say(f'  try it:   pullback eval "y = x**2" x=3{where}')
    _say("  stop it:  Ctrl-C")


def _say(line: str) -> None:
    # Whoever read our output may go away, and a disk may be full; the service stays.
    with suppress(OSError):
        typer.echo(line)
