from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

if TYPE_CHECKING:
    from tests.conftest import RedisControl


def _impatient(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=0.2, retry=Retry(NoBackoff(), 0))


def test_a_killed_server_answers_nobody_until_it_is_restarted(redis_server: RedisControl) -> None:
    """The fixture's server can be lost and come back in the middle of a test."""
    with _impatient(redis_server.url) as client:
        client.set("key", "value")
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("key")
        redis_server.restart()
        assert client.get("key") == b"value"


def test_a_frozen_server_keeps_its_connections_and_says_nothing(redis_server: RedisControl) -> None:
    """The fixture's server can hang in the middle of a test, and go on."""
    with _impatient(redis_server.url) as client:
        client.set("key", "value")
        redis_server.freeze()
        with pytest.raises(redis.TimeoutError):
            client.get("key")
        redis_server.thaw()
        assert client.get("key") == b"value"


def test_a_frozen_server_can_be_killed(redis_server: RedisControl) -> None:
    """A test may leave its server frozen or dead; what follows cleans up."""
    redis_server.freeze()
    redis_server.kill()
    assert not redis_server.running()
