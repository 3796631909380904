"""redis-py's connections, made to leave a Redis that is not the primary any more.

redis-py leaves a demoted one by itself only where it came by Sentinels, and only for one of the replies that say so.
Nor does it know what uvloop says of a connection that was lost before a command is written to it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, RedisError

from pullback.broker.replies import Demoted, exception, is_of_a_replica

if TYPE_CHECKING:
    from redis.asyncio.connection import AbstractConnection as AsyncConnection
    from redis.connection import AbstractConnection

_REPLICA = "this Redis is a replica"


class _Leaving:
    def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return super().read_response(*args, **options)  # type: ignore[misc]  # a mixin's base is another
        except RedisError as error:
            known = exception(error)
            if not isinstance(known, Demoted):
                raise
            self.disconnect()  # type: ignore[attr-defined]
            raise known from error


class _Choosing(_Leaving):
    def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        super().on_connect_check_health(*args, **options)  # type: ignore[misc]
        self.send_command("ROLE")  # type: ignore[attr-defined]
        try:
            role = self.read_response(disable_decoding=True)
        except NoPermissionError:
            return
        if is_of_a_replica(role):
            raise Demoted(_REPLICA)


class _AsyncLeaving:
    async def send_packed_command(self, *args: Any, **options: Any) -> None:
        try:
            await super().send_packed_command(*args, **options)  # type: ignore[misc]
        except RuntimeError as error:  # asyncio's own transports raise a ConnectionError here
            raise RedisConnectionError(f"the connection was lost: {error}") from error

    async def read_response(self, *args: Any, **options: Any) -> Any:
        try:
            return await super().read_response(*args, **options)  # type: ignore[misc]
        except RedisError as error:
            known = exception(error)
            if not isinstance(known, Demoted):
                raise
            await self.disconnect()  # type: ignore[attr-defined]
            raise known from error


class _AsyncChoosing(_AsyncLeaving):
    async def on_connect_check_health(self, *args: Any, **options: Any) -> None:
        await super().on_connect_check_health(*args, **options)  # type: ignore[misc]
        await self.send_command("ROLE")  # type: ignore[attr-defined]
        try:
            role = await self.read_response(disable_decoding=True)
        except NoPermissionError:
            return
        if is_of_a_replica(role):
            raise Demoted(_REPLICA)


@cache
def wary(connection: type[AbstractConnection], *, choosing: bool = False) -> type[AbstractConnection]:
    """Makes a blocking class of connections leave what is no primary; a choosing one does not begin with one either."""
    return type(f"Wary{connection.__name__}", (_Choosing if choosing else _Leaving, connection), {})


@cache
def async_wary(connection: type[AsyncConnection], *, choosing: bool = False) -> type[AsyncConnection]:
    """Makes an asyncio class of connections likewise."""
    return type(f"Wary{connection.__name__}", (_AsyncChoosing if choosing else _AsyncLeaving, connection), {})
