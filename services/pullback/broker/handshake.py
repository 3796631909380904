"""How a connection to Redis begins: where it goes, and what is said first. No I/O."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hiredis
from redis.connection import SSLConnection, UnixDomainSocketConnection, parse_url

from pullback.broker.replies import Demoted, exception, is_of_a_replica
from pullback.contract.sentinels import sentinels

if TYPE_CHECKING:
    from redis.exceptions import RedisError

    from pullback.contract.sentinels import Sentinels

_ROLE = ("ROLE",)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a URL leads.

    Attributes:
        host, port: of a TCP server; unused where there is a `path`, or Sentinels.
        path: of a Unix socket; empty for TCP.
        tls: for ``rediss://`` and ``rediss+sentinel://`` URLs.
        sentinels: who knows the host and port at the moment; None where these are known.
        greeting: commands to send first, packed: authentication, choice of database, and the question for the role.
        greetings: how many commands that is.
    """

    host: str
    port: int
    path: str
    tls: ssl.SSLContext | None
    sentinels: Sentinels | None
    greeting: bytes
    greetings: int


def destination(url: str) -> Destination:
    """Reads a Redis URL.

    Raises:
        ValueError: it is not one.
    """
    if (of := sentinels(url)) is not None:
        tls = ssl.create_default_context(cafile=of.ca_certs or None) if of.tls else None
        # Sentinels may know late what a Redis knows of itself.
        commands = [*_login(of.username, of.password, of.database), _ROLE]
        return Destination("", 0, "", tls, of, *_packed(commands))
    options: dict[str, Any] = dict(parse_url(url))  # type: ignore[no-untyped-call]
    kind = options.get("connection_class")
    commands = _login(options.get("username"), options.get("password"), options.get("db"))
    return Destination(
        options.get("host", "localhost"),
        options.get("port", 6379),
        options["path"] if kind is UnixDomainSocketConnection else "",
        ssl.create_default_context(cafile=options.get("ssl_ca_certs")) if kind is SSLConnection else None,
        None,
        *_packed(commands),
    )


def refusal(reply: Any) -> RedisError | None:
    """Gives what is wrong with a reply to a greeting; None where the server lets us in and is the primary."""
    if isinstance(reply, hiredis.ReplyError):
        # An operator's users may not be allowed to ask for the role: a replica then shows when it is written to.
        return None if str(reply).startswith("NOPERM") else exception(reply)
    return Demoted("this Redis is a replica") if is_of_a_replica(reply) else None


def _login(username: str | None, password: str | None, database: int | None) -> list[tuple[Any, ...]]:
    commands: list[tuple[Any, ...]] = []
    if password:
        commands.append(("AUTH", *((username,) if username else ()), password))
    if database:
        commands.append(("SELECT", database))
    return commands


def _packed(commands: list[tuple[Any, ...]]) -> tuple[bytes, int]:
    return b"".join(hiredis.pack_command(command) for command in commands), len(commands)
