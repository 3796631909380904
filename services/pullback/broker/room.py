"""How much room Redis has left."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redis.asyncio.client import Redis

# The share of its memory limit above which Redis counts as full. What is left is for wake-ups, beats and outcomes, by
# which the queue is emptied again: Celery's messages are refused by a Redis that has no room at all.
FULL = 0.9


async def is_full(redis: Redis) -> bool:
    """Tells whether Redis should be given no more jobs; False where it has no memory limit.

    Raises:
        RedisError: Redis cannot be reached.
    """
    memory = await redis.info("memory")
    limit = int(memory["maxmemory"])
    return limit > 0 and int(memory["used_memory"]) > FULL * limit


async def is_durable(redis: Redis) -> bool:
    """Tells whether Redis keeps an append-only file.

    Raises:
        RedisError: Redis cannot be reached.
    """
    persistence = await redis.info("persistence")
    return bool(int(persistence["aof_enabled"]))


async def evicts(redis: Redis) -> bool:
    """Tells whether Redis makes room by dropping keys, where it has a memory limit.

    Raises:
        RedisError: Redis cannot be reached.
    """
    memory = await redis.info("memory")
    return int(memory["maxmemory"]) > 0 and memory["maxmemory_policy"] != "noeviction"
