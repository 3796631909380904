"""The URL of a Redis that Sentinels watch over: who they are, and what they call it.

``redis+sentinel://[user:password@]host[:port][,host[:port]]/name[/database][?sentinel_password=…]``
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qs, unquote

#: What such a URL begins with. The second is for connections over TLS, to Redis and Sentinels both.
SENTINEL_SCHEMES = ("redis+sentinel://", "rediss+sentinel://")

#: Where a Sentinel listens unless the URL says otherwise.
SENTINEL_PORT = 26_379

# Not by urllib: its newer releases take a list of hosts with an IPv6 address for one host that is wrong.
_PARTS = re.compile(
    r"(?P<scheme>[a-z+]+)://(?P<netloc>[^/?#]*)(?P<path>[^?#]*)(\?(?P<query>[^#]*))?", re.DOTALL
)
_LAST_PORT = 65_535
_QUERY = ("sentinel_username", "sentinel_password", "ssl_ca_certs")
_WRITE_PLACES = (
    "write each Sentinel as host or host:port, with commas between them; "
    "in a password, write / as %2F, # as %23, ? as %3F and @ as %40"
)


class Sentinels(NamedTuple):
    """Who knows where a Redis is.

    Attributes:
        places: host and port of each Sentinel.
        name: what they call the Redis.
        database: number of the database.
        username, password: for the Redis; empty where it asks for none.
        sentinel_username, sentinel_password: for the Sentinels.
        tls: whether all connections are encrypted.
        ca_certs: file of the authorities that are believed; empty for the system's.
    """

    places: tuple[tuple[str, int], ...]
    name: str
    database: int
    username: str
    password: str
    sentinel_username: str
    sentinel_password: str
    tls: bool
    ca_certs: str


def sentinels(url: str) -> Sentinels | None:
    """Reads the URL of a Redis; None where it names no Sentinels.

    Raises:
        ValueError: it is to name them, and cannot be read. The message quotes nothing of it.
    """
    if not url.startswith(SENTINEL_SCHEMES):
        return None
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise ValueError(_WRITE_PLACES)
    who, _, hosts = parts["netloc"].rpartition("@")
    username, _, password = who.partition(":")
    name, _, database = parts["path"].removeprefix("/").partition("/")
    query = parse_qs(parts["query"] or "", keep_blank_values=True)
    if not name:
        raise ValueError(
            "write the name that the Sentinels know Redis by behind their addresses, as in /mymaster"
        )
    if database and not (database.isascii() and database.isdecimal()):
        raise ValueError("write the database behind the name as a number, as in /mymaster/0")
    if not query.keys() <= set(_QUERY):
        raise ValueError(f"behind ? only {', '.join(_QUERY[:-1])} and {_QUERY[-1]} may be given")
    more = {key: values[0] for key, values in query.items()}
    return Sentinels(
        places=tuple(_place(host) for host in hosts.split(",")),
        name=unquote(name),
        database=int(database or 0),
        username=unquote(username),
        password=unquote(password),
        sentinel_username=more.get("sentinel_username", ""),
        sentinel_password=more.get("sentinel_password", ""),
        tls=parts["scheme"].startswith("rediss"),
        ca_certs=more.get("ssl_ca_certs", ""),
    )


def _place(text: str) -> tuple[str, int]:
    host, port = text, ""
    if not text.endswith("]"):
        before, colon, after = text.rpartition(":")
        host, port = (before, after) if colon else (text, "")
    bracketed = host.startswith("[") and host.endswith("]")
    bare = host[1:-1] if bracketed else host
    good_port = not port or (port.isascii() and port.isdecimal() and 0 < int(port) <= _LAST_PORT)
    is_host = bare and not any(each.isspace() or each in "[]" for each in bare)
    if not is_host or not good_port or (":" in bare) is not bracketed or (not port and text.endswith(":")):
        raise ValueError(_WRITE_PLACES)
    return bare, int(port or SENTINEL_PORT)
