"""A Redis URL as Celery's settings, gateway and worker alike."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from pullback.broker.finding import SENTINEL_SECONDS, sentinel_login
from pullback.contract.names import PREFIX
from pullback.contract.sentinels import sentinels

# Keys under our own prefix, one list for a queue, and no waiting without an end on a dead socket: kombu finds one dead
# that got no answer for a BRPOP of one second and two more, and looks every two.
#
# Nothing is kept until it is acknowledged. A wake-up that is lost with its worker is sent again by the sweeper, and the
# keeping would be a second connection between taking a wake-up and acting on it: after a fail-over, a dead one.
_TRANSPORT: dict[str, Any] = {
    "global_keyprefix": f"{PREFIX}celery:",
    "priority_steps": [0],
    "ack_emulation": False,
    "socket_connect_timeout": 2.0,
    "socket_keepalive": True,
    "health_check_interval": 2,
}

# How long a command may take, in seconds. One that takes wake-ups blocks for a second on purpose.
_TAKE_SECONDS = 3.0
_SEND_SECONDS = 1.0


def celery_options(url: str, *, takes: bool) -> dict[str, Any]:
    """Gives the settings of Celery by which it finds its messages in the Redis of a URL.

    Args:
        url: where Redis is.
        takes: whether messages are taken, or only sent.
    """
    transport = {**_TRANSPORT, "socket_timeout": _TAKE_SECONDS if takes else _SEND_SECONDS}
    of = sentinels(url)
    if of is None:
        return {"broker_url": _broker_url(url), "broker_transport_options": transport}
    # Each with the user and password of Redis, for kombu reads these from whichever URL it comes to.
    who = f"{quote(of.username, safe='')}:{quote(of.password, safe='')}@" if of.password else ""
    places = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in of.places)
    login = sentinel_login(of)
    patience = {"socket_timeout": SENTINEL_SECONDS, "socket_connect_timeout": SENTINEL_SECONDS}
    options: dict[str, Any] = {
        "broker_url": ";".join(f"sentinel://{who}{place}/{of.database}" for place in places),
        "broker_transport_options": {
            **transport,
            "master_name": of.name,
            "sentinel_kwargs": {**login, **patience},
        },
    }
    if of.tls:
        authorities = {"ssl_ca_certs": of.ca_certs} if of.ca_certs else {}
        options["broker_use_ssl"] = {"ssl_cert_reqs": "required", **authorities}
    return options


def _broker_url(url: str) -> str:
    """Spells a Redis URL as Celery wants it, which has a scheme of its own for Unix sockets."""
    parts = urlsplit(url)
    if parts.scheme != "unix":
        return url
    who = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{who}{parts.path}?virtual_host={database}"
