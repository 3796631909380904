"""How a connection to Redis begins: where it goes, and what is said first. No I/O."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any

import hiredis
from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads.

    Attributes:
        host, port: of a TCP server; unused where there is a `path`.
        path: of a Unix socket; empty for TCP.
        tls: for ``rediss://`` URLs.
        greeting: commands to send first, packed: authentication and choice of database.
        greetings: how many commands that is.
    """

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    greeting: bytes
    greetings: int


def destination(url: str) -> Destination:
    """Reads a Redis URL.

    Raises:
        ValueError: it is not one.
    """
    options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    commands: list[tuple[Any, ...]] = []
    if options.get("password"):
        user = (options["username"],) if options.get("username") else ()
        commands.append(("AUTH", *user, options["password"]))
    if options.get("db"):
        commands.append(("SELECT", options["db"]))
    kind = options.get("connection_class")
    return Destination(
        host=options.get("host", "localhost"),
        port=options.get("port", 6379),
        path=options["path"] if kind is UnixDomainSocketConnection else "",
        tls=ssl.create_default_context(cafile=options.get("ssl_ca_certs")) if kind is SSLConnection else None,
        greeting=b"".join(hiredis.pack_command(command) for command in commands),
        greetings=len(commands),
    )
