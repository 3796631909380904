"""Redis' error replies as redis-py's exceptions, so that all ways to Redis are handled alike.

What a Redis says that is not to be written to for the moment counts as a lost connection. Whoever waits for a Redis
that is away then waits for this one too, or finds the one that took its place:

```
RedisError
├── ConnectionError
│   └── Unwilling          it is there, and takes no writes: its disk is full, or it lost its primary
│       └── Demoted        it may not be the primary any more: the connection is closed, and the primary is asked for
└── ...
```
"""

from __future__ import annotations

from typing import Any

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError


class Unwilling(RedisConnectionError):
    """Redis takes no writes at the moment. It ran nothing of what was sent."""


class Demoted(ReadOnlyError, Unwilling):
    """Redis is a replica now, or a primary without the replicas that it must have: another may have taken its place."""


_BY_FIRST_WORD: dict[str, type[RedisError]] = {
    "LOADING": BusyLoadingError,
    "MASTERDOWN": Demoted,
    "MISCONF": Unwilling,
    "NOAUTH": AuthenticationError,
    "NOREPLICAS": Demoted,
    "NOSCRIPT": NoScriptError,
    "OOM": OutOfMemoryError,
    "READONLY": Demoted,
    "WRONGPASS": AuthenticationError,
}


def exception(reply: Exception) -> RedisError:
    """Gives an error reply its exception."""
    text = str(reply)
    return _BY_FIRST_WORD.get(text.partition(" ")[0], ResponseError)(text)


def is_of_a_replica(role: Any) -> bool:
    """Tells whether a reply is that of a replica to ROLE."""
    return isinstance(role, list) and role[:1] != [b"master"]
