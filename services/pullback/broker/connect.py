"""Connections to Redis, with every default that bites set by hand.

redis-py would retry a command ten times on a broken connection, and some of our scripts are better asked again by
those who know what they meant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis
import redis.asyncio
import redis.asyncio.connection
import redis.asyncio.sentinel
import redis.sentinel
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from pullback.broker.finding import async_sentinel, sentinel
from pullback.broker.wary import async_wary, wary
from pullback.contract.sentinels import sentinels

if TYPE_CHECKING:
    from redis.asyncio.client import Redis as AsyncRedis

    from pullback.contract.sentinels import Sentinels

#: How long a new connection may take, in seconds.
CONNECT_SECONDS = 2.0

#: How long one answer may take, in seconds; `Line` adds the time of a read that blocks on purpose.
ANSWER_SECONDS = 10.0

#: How long a Redis with Sentinels may be silent, in seconds, until they are asked whether another took its place; also
#: how long redis-py waits there for an answer. It is used for small commands only.
SILENCE_SECONDS = 2.0

_OPTIONS: dict[str, Any] = {
    "socket_connect_timeout": CONNECT_SECONDS,
    "socket_timeout": ANSWER_SECONDS,
    "decode_responses": False,
    "protocol": 3,
}


class _Watched(redis.Redis):
    """A client of what Sentinels watch over; closes its connections to them too."""

    def close(self) -> None:
        super().close()
        self.connection_pool.sentinel_manager.close()  # type: ignore[attr-defined]  # a pool of Sentinels


class _AsyncWatched(redis.asyncio.Redis):
    """Likewise, for an event loop."""

    async def aclose(self, close_connection_pool: bool | None = None) -> None:
        await super().aclose(close_connection_pool)
        await self.connection_pool.sentinel_manager.aclose()  # type: ignore[attr-defined]


def connect(url: str, *, patience_seconds: float = ANSWER_SECONDS) -> redis.Redis:
    """Makes a client for a thread; connects at the first command.

    Args:
        url: where Redis is.
        patience_seconds: how long one answer may take; shorter behind Sentinels.
    """
    retry = Retry(NoBackoff(), 0)
    if (of := sentinels(url)) is not None:
        base = (
            redis.sentinel.SentinelManagedSSLConnection
            if of.tls
            else redis.sentinel.SentinelManagedConnection
        )
        kind = wary(base, choosing=True)
        watched = sentinel(of, connection_class=kind, retry=retry, **_watched_options(of))
        return watched.master_for(of.name)  # type: ignore[no-any-return, no-untyped-call]
    kind = redis.SSLConnection if url.startswith("rediss:") else redis.Connection
    options = {**_options(url, wary(kind)), "socket_timeout": patience_seconds}
    return redis.Redis.from_url(url, retry=retry, **options)


def connect_async(url: str) -> AsyncRedis:
    """Makes a client for an event loop; connects at the first command."""
    retry = AsyncRetry(NoBackoff(), 0)
    if (of := sentinels(url)) is not None:
        module = redis.asyncio.sentinel
        base = module.SentinelManagedSSLConnection if of.tls else module.SentinelManagedConnection
        options = {
            **_watched_options(of),
            "connection_class": async_wary(base, choosing=True),
            "retry": retry,
        }
        return async_sentinel(of, **options).master_for(of.name, redis_class=_AsyncWatched)  # type: ignore[no-any-return]
    asynchronous = redis.asyncio.connection
    kind = asynchronous.SSLConnection if url.startswith("rediss:") else asynchronous.Connection
    # Not by from_url, which takes its own class for rediss://.
    options = {**asynchronous.parse_url(url), **_options(url, async_wary(kind)), "retry": retry}
    return redis.asyncio.Redis.from_pool(redis.asyncio.ConnectionPool(**options))


def _options(url: str, kind: type[Any]) -> dict[str, Any]:
    # redis-py's Unix sockets refuse to hear of keepalive, and bring their own class, as rediss:// does.
    if url.startswith("unix:"):
        return _OPTIONS
    return {**_OPTIONS, "socket_keepalive": True, "connection_class": kind}


def _watched_options(of: Sentinels) -> dict[str, Any]:
    options = {**_OPTIONS, "socket_keepalive": True, "socket_timeout": SILENCE_SECONDS, "db": of.database}
    if of.password:
        options["password"] = of.password
    if of.username:
        options["username"] = of.username
    if of.ca_certs:
        options["ssl_ca_certs"] = of.ca_certs
    return options
