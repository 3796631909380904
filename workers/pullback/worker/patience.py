"""How a drain bears with a Redis that is away."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

# Redis may be away for so long, in seconds, before a drain gives up its outcomes; others run the jobs again.
PATIENCE_SECONDS = 30.0
RETRY_SECONDS = 0.1

_AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError, OSError)

T = TypeVar("T")


def patiently(command: Callable[[], T]) -> T:
    """Runs a command against Redis, and again while Redis is away.

    Only for commands that may run twice: joining and leaving are idempotent, what a second take leaves behind is given
    by the next or swept, and a second finish finds its work done.
    """
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return command()
        except _AWAY as error:
            if time.monotonic() > until:
                raise
            log.warning("the queue cannot be reached: %s", type(error).__name__)
            time.sleep(RETRY_SECONDS)
