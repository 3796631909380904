from __future__ import annotations

import pytest
from kombu import Connection
from redis.asyncio.connection import SSLConnection as AsyncSSLConnection
from redis.connection import SSLConnection

from pullback.broker import connect, connect_async
from pullback.broker.wakeups import celery_options


def test_celery_is_told_of_every_sentinel() -> None:
    """Each has a URL with the user and password of Redis; its own go beside them, with the name."""
    options = celery_options(
        "redis+sentinel://u:p%40w@one,[::1]:5/mine/2?sentinel_username=su&sentinel_password=sp",
        takes=True,
    )
    assert options["broker_url"] == "sentinel://u:p%40w@one:26379/2;sentinel://u:p%40w@[::1]:5/2"
    transport = options["broker_transport_options"]
    assert transport["master_name"] == "mine"
    assert {"username": "su", "password": "sp"}.items() <= transport["sentinel_kwargs"].items()
    assert "broker_use_ssl" not in options
    # As kombu reads it.
    first = Connection(options["broker_url"], transport_options=transport)
    assert (first.userid, first.password, first.virtual_host) == ("u", "p@w", "2")
    assert [Connection(url).port for url in first.alt] == [26_379, 5]


def test_a_redis_without_a_password_is_asked_without_one() -> None:
    """Nothing is put where none is needed."""
    options = celery_options("redis+sentinel://one/mine", takes=True)
    assert options["broker_url"] == "sentinel://one:26379/0"
    assert (
        options["broker_transport_options"]["sentinel_kwargs"]
        .keys()
        .isdisjoint({"username", "password", "ssl"})
    )


def test_tls_is_for_redis_and_sentinels() -> None:
    """Both are checked against the same authorities."""
    options = celery_options("rediss+sentinel://one/mine?ssl_ca_certs=/etc/ca.pem", takes=True)
    assert options["broker_use_ssl"] == {"ssl_cert_reqs": "required", "ssl_ca_certs": "/etc/ca.pem"}
    own = options["broker_transport_options"]["sentinel_kwargs"]
    assert own["ssl"] is True
    assert own["ssl_ca_certs"] == "/etc/ca.pem"


@pytest.mark.parametrize("url", ["rediss://one:1/2", "rediss+sentinel://one/mine/2"])
async def test_tls_is_kept_by_connections_that_leave_a_replica(url: str) -> None:
    """Their class is one of redis-py's for TLS, whichever way the URL goes."""
    with connect(url) as client:
        pool = client.connection_pool
        assert issubclass(pool.connection_class, SSLConnection)
        assert pool.connection_class.__name__.startswith("Wary")
        assert pool.connection_kwargs["db"] == 2
    async with connect_async(url) as waiting:
        kind = waiting.connection_pool.connection_class
        assert issubclass(kind, AsyncSSLConnection)
        assert kind.__name__.startswith("Wary")
