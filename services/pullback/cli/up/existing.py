"""A Redis that runs already, which is asked before anything is started on it."""

from __future__ import annotations

from urllib.parse import urlsplit

from redis.exceptions import AuthenticationError, RedisError

from pullback.broker import connect
from pullback.contract.errors import QueueUnavailable


def ensure_answers(url: str) -> None:
    """Asks a Redis for a sign of life, for some seconds at most.

    Raises:
        QueueUnavailable: it gives none, or does not let us in.
    """
    try:
        with connect(url) as client:
            client.ping()
    except AuthenticationError as error:
        raise QueueUnavailable(
            f"the Redis at {without_secrets(url)} does not accept the user and password of PULLBACK_REDIS_URL"
        ) from error
    except RedisError as error:
        raise QueueUnavailable(
            f"no Redis answers at {without_secrets(url)}, which PULLBACK_REDIS_URL names ({error})"
        ) from error


def without_secrets(url: str) -> str:
    """Gives a URL as it may be shown."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()
