"""Connections to Redis, with every default that bites set by hand.

redis-py would retry a command ten times on a broken connection, and some of our scripts are better asked again by
those who know what they meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

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
    "decode_responses": False,
    "protocol": 3,
}


def _options(url: str) -> dict[str, Any]:
    # redis-py's Unix sockets refuse to hear of it.
    return _OPTIONS if url.startswith("unix:") else {**_OPTIONS, "socket_keepalive": True}


def connect(url: str) -> redis.Redis:
    """Makes a client for a thread; connects at the first command."""
    return redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), **_options(url))


def connect_async(url: str) -> AsyncRedis:
    """Makes a client for an event loop; connects at the first command."""
    return redis.asyncio.Redis.from_url(url, retry=AsyncRetry(NoBackoff(), 0), **_options(url))


def celery_url(url: str) -> str:
    """Spells a Redis URL as Celery wants it, which has a scheme of its own for Unix sockets."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{who}{parts.path}?virtual_host={database}"
