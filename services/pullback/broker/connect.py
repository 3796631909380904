"""Connections to Redis, with every default that bites set by hand.

redis-py would retry a command ten times on a broken connection, and some of our scripts are better asked again by
those who know what they meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from redis.asyncio.client import Redis as AsyncRedis

#: How long a new connection may take, in seconds.
CONNECT_SECONDS = 2.0

#: How long one answer may take, in seconds; `Line` adds the time of a read that blocks on purpose.
ANSWER_SECONDS = 10.0


_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_timeout": ANSWER_SECONDS,
    "socket_keepalive": True,
    "decode_responses": False,
    "protocol": 3,
}


def connect(url: str) -> redis.Redis:
    """Makes a client for a thread; connects at the first command."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_OPTIONS)


def connect_async(url: str) -> AsyncRedis:
    """Makes a client for an event loop; connects at the first command."""
    return redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **_OPTIONS)
