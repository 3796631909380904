"""A system to do harm to: a Redis, gateways and a worker, each a process of its own that is kept running."""

from __future__ import annotations

import os
import re
import secrets
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self, final

import psutil
from tests.acceptance.drill.parts import Kept

from pullback.broker import connect_async
from pullback.broker.embedded import READY_TEXT, find_server, free_port, leashed
from pullback.broker.embedded.config import config_text
from pullback.cli.up.part import Part
from pullback.contract.names import DEVICE_CLASSES, nodes_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from redis.asyncio.client import Redis

# Loading torch, on a machine that does much else.
READY_SECONDS = 120.0
STOP_SECONDS = 20.0

# Slots of the worker.
SLOTS = 2


@dataclass(frozen=True)
class Site:
    """Where a part runs.

    Attributes:
        host: the address it listens on, and is reached at.
        through: a command that runs another one there.
        environment: what it finds in its environment beside the rest.
    """

    host: str = "127.0.0.1"
    through: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """What a stage is made of."""

    redis: Site = Site()
    gateway: Site = Site()
    worker: Site = Site()
    gateways: int = 1
    fsync: str = "everysec"
    more_config: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    gateway_command: tuple[str, ...] = (sys.executable, "-P", "-m", "pullback.gateway")
    worker_command: tuple[str, ...] = (sys.executable, "-P", "-m", "pullback.worker")


@final
class Stage:
    """A running system.

    Attributes:
        address: where the gateways are, for gRPC.
        url: where Redis is.
    """

    def __init__(
        self,
        folder: Path,
        layout: Layout,
        *,
        data: Path | None = None,
        url: str = "",
        redis_hosts: Mapping[str, str] | None = None,
    ) -> None:
        """Makes a stage; nothing runs yet.

        Args:
            folder: for logs, and for data unless `data` says otherwise.
            layout: what is in it.
            data: where Redis keeps its files.
            url: of a Redis that is there already; none is made then.
            redis_hosts: under which address each part finds Redis, where that is not the same for all.
        """
        self._redis_hosts = redis_hosts or {}
        self.folder = folder
        self.layout = layout
        self.data = data or folder / "redis"
        self.data.mkdir(exist_ok=True)
        self._password = secrets.token_hex(16)
        self._ports = [free_port() for _ in range(1 + layout.gateways)]
        self._given_url = url
        self.url = self._url("")
        hosts = ",".join(f"{layout.gateway.host}:{port}" for port in self._ports[1:])
        self.address = f"ipv4:{hosts}"
        self.redis = Kept(self._redis_part(), folder / "redis.log")
        self.gateways = [
            Kept(self._gateway_part(number, port), folder / f"gateway-{number}.log")
            for number, port in enumerate(self._ports[1:])
        ]
        self.worker = Kept(self._worker_part(), folder / "worker.log")

    @property
    def parts(self) -> list[Kept]:
        """All parts, in the order in which they are started."""
        return [*(() if self._given_url else (self.redis,)), self.worker, *self.gateways]

    async def __aenter__(self) -> Self:
        try:
            if not self._given_url:
                self.redis.start()
                await self.redis.ready()
            for part in (self.worker, *self.gateways):
                part.start()
            for part in (self.worker, *self.gateways):
                await part.ready()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stop()

    async def _stop(self) -> None:
        for part in reversed(self.parts):
            await part.stop()

    def _url(self, part: str) -> str:
        if self._given_url:
            return self._given_url
        host = self._redis_hosts.get(part, self.layout.redis.host)
        return f"redis://:{self._password}@{host}:{self._ports[0]}/0"

    def client(self) -> Redis:
        """Makes a client of its Redis, to look and not to touch."""
        return connect_async(self.url)

    def _redis_part(self) -> Part:
        site, port = self.layout.redis, self._ports[0]
        config = self.folder / "redis.conf"
        text = config_text(directory=self.data, port=port, password=self._password)
        # Of two lines about one thing, the later one counts.
        text += f"appendfsync {self.layout.fsync}\nbind {site.host}\n{self.layout.more_config}"
        config.write_text(text)
        return Part(
            name="redis",
            command=_tied((*site.through, str(find_server().path), str(config))),
            environment={**os.environ, **site.environment},
            ready=re.compile(READY_TEXT),
            ready_seconds=READY_SECONDS,
            stop_seconds=STOP_SECONDS,
        )

    def _gateway_part(self, number: int, port: int) -> Part:
        return Part(
            name=f"gateway-{number}",
            command=_tied((*self.layout.gateway.through, *self.layout.gateway_command)),
            environment=self._environment(
                "gateway", self.layout.gateway, LISTEN=f"{self.layout.gateway.host}:{port}"
            ),
            ready=re.compile("pullback gateway ready"),
            ready_seconds=READY_SECONDS,
            stop_seconds=STOP_SECONDS,
        )

    def _worker_part(self) -> Part:
        return Part(
            name="worker",
            command=_tied((*self.layout.worker.through, *self.layout.worker_command)),
            environment=self._environment("worker", self.layout.worker, SLOTS=str(SLOTS)),
            ready=re.compile("pullback worker ready"),
            ready_seconds=READY_SECONDS,
            stop_seconds=STOP_SECONDS,
        )

    def _environment(self, part: str, site: Site, **own: str) -> dict[str, str]:
        settings = {"REDIS_URL": self._url(part), **self.layout.settings, **own}
        ours = {f"PULLBACK_{name}": value for name, value in settings.items()}
        return {**os.environ, "PYTHONUNBUFFERED": "1", **site.environment, **ours}

    def worker_children(self) -> list[psutil.Process]:
        """Finds the worker's prefork children."""
        return _children(self.worker.process, "pullback.worker")

    def evaluators(self) -> list[psutil.Process]:
        """Finds the evaluators, without the template that they are forked from."""
        found = _below(self.worker.process, "pullback.evaluator")
        pids = {process.pid for process in found}
        return [process for process in found if process.ppid() in pids]

    async def slots(self) -> int:
        """Counts the worker slots that Redis knows."""
        client = self.client()
        try:
            return sum([int(await client.zcard(nodes_key(device))) for device in DEVICE_CLASSES.values()])
        finally:
            await client.aclose()


def _tied(command: Sequence[str]) -> tuple[str, ...]:
    return leashed(command, signal.SIGKILL)


def _below(process: psutil.Process, word: str) -> list[psutil.Process]:
    return [each for each in process.children(recursive=True) if _says(each, word)]


def _children(process: psutil.Process, word: str) -> list[psutil.Process]:
    return [each for each in process.children() if _says(each, word)]


def _says(process: psutil.Process, word: str) -> bool:
    try:
        return word in " ".join(process.cmdline())
    except psutil.Error:
        return False
