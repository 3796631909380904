"""Where the primary is, asked of Sentinels. redis-py speaks with them; what they say is checked by asking for the role.

They are asked one after another, those that answered last time first, so that one that is dead or frozen is waited for
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

if TYPE_CHECKING:
    from pullback.contract.sentinels import Sentinels

#: How long one Sentinel may take to connect, and to answer, in seconds. They do little else.
SENTINEL_SECONDS = 0.5


def sentinel(of: Sentinels, **options: Any) -> Sentinel:
    """Makes a client of Sentinels for a thread; `options` are those of connections to the primary."""
    retry = Retry(NoBackoff(), 0)
    own = {**_own_options(of), "retry": retry}
    return Sentinel(of.places, sentinel_kwargs=own, **options)  # type: ignore[no-untyped-call]


def async_sentinel(of: Sentinels, **options: Any) -> AsyncSentinel:
    """Makes a client of Sentinels for an event loop; `options` are those of connections to the primary."""
    retry = AsyncRetry(NoBackoff(), 0)
    own = {**_own_options(of), "retry": retry}
    return AsyncSentinel(of.places, sentinel_kwargs=own, **options)  # type: ignore[no-untyped-call]


def _own_options(of: Sentinels) -> dict[str, Any]:
    return {
        **sentinel_login(of),
        "socket_connect_timeout": SENTINEL_SECONDS,
        "socket_timeout": SENTINEL_SECONDS,
    }


def sentinel_login(of: Sentinels) -> dict[str, Any]:
    """Gives the options by which Sentinels let us in."""
    options: dict[str, Any] = {}
    if of.sentinel_password:
        options["password"] = of.sentinel_password
    if of.sentinel_username:
        options["username"] = of.sentinel_username
    if of.tls:
        options["ssl"] = True
        if of.ca_certs:
            options["ssl_ca_certs"] = of.ca_certs
    return options


class Finder:
    """Finds the primary, for a thread."""

    def __init__(self, of: Sentinels) -> None:
        self._name = of.name
        self._sentinel = sentinel(of)

    def find(self) -> tuple[str, int]:
        """Gives the primary's host and port.

        Raises:
            RedisError: no Sentinel knows one that is alive.
        """
        host, port = self._sentinel.discover_master(self._name)  # type: ignore[no-untyped-call]
        return str(host), int(port)

    def close(self) -> None:
        """Closes the connections to the Sentinels; they are made again at the next look."""
        self._sentinel.close()


class AsyncFinder:
    """Finds the primary, for an event loop."""

    def __init__(self, of: Sentinels) -> None:
        self._name = of.name
        self._sentinel = async_sentinel(of)

    async def find(self) -> tuple[str, int]:
        """Gives the primary's host and port.

        Raises:
            RedisError: no Sentinel knows one that is alive.
        """
        host, port = await self._sentinel.discover_master(self._name)
        return str(host), int(port)

    async def close(self) -> None:
        """Closes the connections to the Sentinels; they are made again at the next look."""
        await self._sentinel.aclose()
