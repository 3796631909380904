"""Networks that are cut: each part on a host of its own, which is a network namespace, with a cable to Redis' host."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.acceptance.drill.scenario import Skip
from tests.acceptance.drill.stage import Layout, Site, Stage
from tests.acceptance.drill.waiting import passes

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.acceptance.drill.moment import Moment

# How long a cut lasts, in seconds: shorter than a drain's life without beats, longer, and longer than an answer is
# waited for.
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 12.0

# Where cables' addresses are taken from: a block for tests between networks, so that nobody's own is shadowed.
_NETWORK = "198.18"


class Hosts:
    """Three hosts, of Redis, a gateway and a worker: cables from Redis' to the others, and from the gateway's to here.

    Attributes:
        name: what the names of the namespaces begin with.
    """

    def __init__(self) -> None:
        self.name = f"pb{secrets.token_hex(3)}"
        block = secrets.randbelow(64) * 4
        #: Third and fourth numbers of the cables' ends, by their hosts; the first end is Redis', or ours.
        self._cables = {
            ("redis", "gateway"): block,
            ("redis", "worker"): block + 1,
            ("", "gateway"): block + 2,
        }

    def address(self, host: str, other: str) -> str:
        """Gives the address of `host` on its cable to `other`."""
        if (host, other) in self._cables:
            return f"{_NETWORK}.{self._cables[host, other]}.1"
        return f"{_NETWORK}.{self._cables[other, host]}.2"

    def through(self, host: str) -> tuple[str, ...]:
        """Gives what runs a command on a host."""
        return (_ip(), "netns", "exec", f"{self.name}{host}")

    async def build(self) -> None:
        """Makes the hosts and lays the cables.

        Raises:
            Skip: this machine does not allow it.
        """
        for host in ("redis", "gateway", "worker"):
            await _run("netns", "add", f"{self.name}{host}")
            await self._on(host, "link", "set", "lo", "up")
        for one, other in self._cables:
            ends = self._end(one, other), self._end(other, one)
            await _run("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
            for end, here, there in ((ends[0], one, other), (ends[1], other, one)):
                if here:
                    await _run("link", "set", end, "netns", f"{self.name}{here}")
                await self._on(here, "addr", "add", f"{self.address(here, there)}/24", "dev", end)
                await self._on(here, "link", "set", end, "up")

    def _end(self, host: str, other: str) -> str:
        # The kernel takes 15 letters.
        return f"{self.name}{(host or 'desk')[0]}{(other or 'desk')[0]}"

    async def _on(self, host: str, *words: str) -> None:
        await _run(*(("-n", f"{self.name}{host}") if host else ()), *words)

    async def cut(self, host: str) -> None:
        """Unplugs Redis' end of the cable to a host: what either sends vanishes."""
        await self._on("redis", "link", "set", self._end("redis", host), "down")

    async def mend(self, host: str) -> None:
        """Plugs it in again."""
        await self._on("redis", "link", "set", self._end("redis", host), "up")

    async def remove(self) -> None:
        """Removes the hosts; their cables go with them."""
        for host in ("redis", "gateway", "worker"):
            await _run("netns", "delete", f"{self.name}{host}", check=False)


def _ip() -> str:
    found = shutil.which("ip", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Skip("there is no `ip`: install iproute2")
    return found


async def _run(*words: str, check: bool = True) -> None:
    process = await asyncio.create_subprocess_exec(
        _ip(), *words, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    if check and process.returncode:
        raise Skip(f"`ip {' '.join(words)}` is not allowed here: {said.decode().strip()}")


class Cut:
    """Harm: the network between Redis and one host is cut for a while."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._hosts: dict[Stage, Hosts] = {}

    @asynccontextmanager
    async def stage(self, folder: Path) -> AsyncIterator[Stage]:
        """Makes a system whose parts are on hosts of their own."""
        hosts = Hosts()
        try:
            await hosts.build()
            layout = Layout(
                redis=Site("0.0.0.0", hosts.through("redis")),  # noqa: S104 - nobody else is in that namespace
                gateway=Site(hosts.address("gateway", ""), hosts.through("gateway")),
                worker=Site(through=hosts.through("worker")),
            )
            stage = Stage(
                folder,
                layout,
                redis_hosts={part: hosts.address("redis", part) for part in ("gateway", "worker")},
            )
            async with stage:
                self._hosts[stage] = hosts
                yield stage
        finally:
            await hosts.remove()

    async def __call__(self, stage: Stage, chance: random.Random, moment: Moment) -> None:
        """Cuts it."""
        hosts = self._hosts[stage]
        await hosts.cut(self._host)
        try:
            await passes(chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
        finally:
            moment.now()
            await hosts.mend(self._host)
