"""Programs that are refused for a while, because they made native code crash.

Strategy: the list lives in Redis and is short, mostly empty. Gateways and workers look at it once a second and keep
what they saw, so that a job costs nothing while there is none. Whoever counts a crash knows of it at once, and so does
each gateway that is connected: it hears of the program before it hears what became of the job.
"""

from __future__ import annotations

import time
from struct import Struct
from typing import TYPE_CHECKING, Any

from pullback.broker import scripts
from pullback.broker.pipe import Script
from pullback.contract.errors import KernelFault
from pullback.contract.names import QUARANTINE, QUARANTINE_NEWS, crashes_key, program_tag

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis import Redis
    from redis.asyncio.client import Redis as AsyncRedis

    from pullback.broker.blocking import Line

# So many crashes are needed. One may be the machine's fault, or that of a neighbour who ran the process out of memory.
CRASHES = 2

# Most programs in quarantine. Looking at the list has to stay cheap, though a tenant may make programs up.
MOST_PROGRAMS = 1_000

# How long a process remembers by itself what it put into quarantine or heard of, in seconds: a look that was under way
# then may not have it, and the next one may be late.
NEWS_SECONDS = 5.0

# How crash.lua tells for how long.
_MS = Struct("<Q")


class Quarantine:
    """What one process knows of the programs that are refused."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        """Begins with none.

        Args:
            now: a clock that only goes forward, in seconds.
        """
        self._now = now
        # Both are replaced and never changed, for one thread learns while another asks.
        self._until: dict[bytes, float] = {}
        self._news: dict[bytes, tuple[float, float]] = {}

    def __bool__(self) -> bool:
        """Tells whether there is any at all: what is asked first, for each job."""
        return bool(self._until or self._news)

    def learn(self, reply: list[Any]) -> None:
        """Takes over what quarantine.lua answered."""
        now = self._now()
        self._until = {tag: now + left / 1000 for tag, left in zip(reply[::2], reply[1::2], strict=True)}
        self._news = {tag: until for tag, until in self._news.items() if until[0] > now}

    def add(self, tag: bytes, seconds: float) -> None:
        """Refuses a program until a look that began after now has it."""
        now = self._now()
        self._news = {**self._news, tag: (now + min(seconds, NEWS_SECONDS), now + seconds)}

    def heard(self, message: bytes) -> None:
        """Takes over what crash.lua told."""
        self.add(message[_MS.size :], _MS.unpack_from(message)[0] / 1000)

    def refusal(self, tenant: bytes, program: str) -> KernelFault | None:
        """Gives the error for a tenant's program that is refused; None for any other."""
        if not self:
            return None
        tag = program_tag(tenant, program)
        now = self._now()
        fresh, until = self._news.get(tag, (0.0, 0.0))
        left = max(self._until.get(tag, 0.0), until if fresh > now else 0.0) - now
        if left <= 0:
            return None
        seconds = max(1, round(left))
        return KernelFault(
            f"the program made a numerical kernel crash {CRASHES} times, most often due to an extreme argument; it is "
            f"refused for another {seconds} s",
            metadata={"quarantine_seconds": str(seconds)},
        )


class CrashCounter:
    """A drain's way of counting crashes."""

    def __init__(self, line: Line, life_seconds: float) -> None:
        """Makes a counter.

        Args:
            line: the drain's connection, between its commands.
            life_seconds: how long a crash is remembered, and a program refused.
        """
        self._line = line
        self._life_ms = round(life_seconds * 1000)
        self._script = Script(scripts.source(scripts.CRASH))

    def count(self, tag: bytes, weight: int) -> bool:
        """Counts a crash of a program, and tells whether the program is refused now.

        Raises:
            RedisError: Redis cannot be reached.
        """
        keys = [crashes_key(tag), QUARANTINE]
        arguments = [QUARANTINE_NEWS, tag, weight, CRASHES, self._life_ms, MOST_PROGRAMS]
        return bool(self._line.run(self._script, keys, arguments))


def look_for_worker(redis: Redis) -> Callable[[], list[Any]]:
    """Makes a look at the list, for a worker.

    The look raises RedisError where Redis cannot be reached.
    """
    script = redis.register_script(scripts.source(scripts.QUARANTINE))
    return lambda: list(script(keys=[QUARANTINE]))


async def look_at_quarantine(redis: AsyncRedis) -> list[Any]:
    """Looks at the list, for a gateway.

    Raises:
        RedisError: Redis cannot be reached.
    """
    return list(await redis.register_script(scripts.source(scripts.QUARANTINE))(keys=[QUARANTINE]))
