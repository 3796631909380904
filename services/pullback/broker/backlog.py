"""What waits for workers, and what runs: counted for whoever watches, at a cost that does not grow with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pullback.broker import scripts
from pullback.contract.names import (
    GROUP,
    HELD,
    RECORDS,
    SHELVES,
    holders_key,
    lane_key,
    nodes_key,
    shares_key,
)

if TYPE_CHECKING:
    from redis.asyncio.client import Redis

# Priorities of submitted jobs, each with a shelf.
PRIORITIES = 3


class Backlog(NamedTuple):
    """The jobs of one device class.

    Attributes:
        interactive: evaluations with a caller that nobody has taken.
        interactive_seconds: how long the oldest of them has waited.
        submitted: submitted jobs that could be taken now.
        submitted_seconds: how long the oldest of them has waited.
        running: jobs that were taken and are not finished.
        slots: slots of workers that show signs of life.
    """

    interactive: int
    interactive_seconds: float
    submitted: int
    submitted_seconds: float
    running: int
    slots: int


async def look_at_backlog(redis: Redis, device: str) -> Backlog:
    """Counts the jobs of a device class.

    Of a long lane the first entries are looked at, and the others taken to hold as many jobs.

    Raises:
        RedisError: Redis cannot be reached.
    """
    keys = [lane_key(device), nodes_key(device), shares_key(device), holders_key(device)]
    arguments: list[str | int] = [GROUP, f"{SHELVES}{device}:", HELD, RECORDS, PRIORITIES]
    reply = await redis.register_script(scripts.source(scripts.BACKLOG))(keys=keys, args=arguments)
    waiting, oldest_ms, shelved, longest_ms, running, slots = map(int, reply)
    return Backlog(waiting, oldest_ms / 1000, shelved, longest_ms / 1000, running, slots)
