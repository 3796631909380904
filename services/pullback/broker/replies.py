"""Redis' error replies as redis-py's exceptions, so that both ways to Redis are handled alike."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)

_BY_FIRST_WORD: dict[str, type[RedisError]] = {
    "LOADING": BusyLoadingError,
    "NOAUTH": AuthenticationError,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": ReadOnlyError,
    "WRONGPASS": AuthenticationError,
}


def exception(reply: Exception) -> RedisError:
    """Gives an error reply its exception."""
    text = str(reply)
    return _BY_FIRST_WORD.get(text.partition(" ")[0], ResponseError)(text)
