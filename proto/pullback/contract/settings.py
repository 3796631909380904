"""What the settings of all processes share: their prefix, checked kinds of values, and how a wrong one is said.

A settings model is read from the environment; what is wrong there is explained by the variable's name, never by its
value, which may hold a password.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator

from pullback.contract.sentinels import SENTINEL_SCHEMES, sentinels

if TYPE_CHECKING:
    from pydantic import ValidationError

#: What the name of each of our variables begins with.
ENV_PREFIX = "PULLBACK_"

_REDIS_SCHEMES = ("redis://", "rediss://", *SENTINEL_SCHEMES, "unix://")
_LAST_PORT = 65_535


def host_and_port(text: str) -> tuple[str, int]:
    """Splits ``host:port``; an IPv6 host stays in its brackets.

    Raises:
        ValueError: it is something else.
    """
    host, _, port = text.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    is_host = host and "/" not in host and not any(map(str.isspace, host)) and (":" not in host or bracketed)
    if not is_host or not (port.isascii() and port.isdecimal()) or int(port) > _LAST_PORT:
        raise ValueError(f"write host:port, such as 127.0.0.1:50051, with a port from 0 to {_LAST_PORT}")
    return host, int(port)


def _listen(text: str) -> str:
    host_and_port(text)
    return text


def _listen_or_not(text: str) -> str:
    return text and _listen(text)


def _redis_url(text: str) -> str:
    if not text.startswith(_REDIS_SCHEMES):
        raise ValueError(
            f"write a URL that begins with {', '.join(_REDIS_SCHEMES[:-1])} or {_REDIS_SCHEMES[-1]}"
        )
    if sentinels(text):
        return text
    try:
        # Reading the port checks it. What urllib says of it may quote a part of the password.
        _ = urlsplit(text).port
    except ValueError:
        raise ValueError(
            "its host and port cannot be read; in a password, write / as %2F, # as %23 and ? as %3F"
        ) from None
    return text


#: Where a process listens: ``host:port``, with a port from 0 to 65535.
Listen = Annotated[str, AfterValidator(_listen)]

#: The same, or nothing.
MaybeListen = Annotated[str, AfterValidator(_listen_or_not)]

#: Where Redis is, or who knows it (see `pullback.contract.sentinels`), passwords included.
RedisUrl = Annotated[str, AfterValidator(_redis_url)]


def explain(error: ValidationError) -> str:
    """Says what is wrong with a process's settings: one line for each variable, without its value."""
    return "\n".join(
        f"{_variable(fault['loc'])}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )


def _variable(place: tuple[int | str, ...]) -> str:
    name = "_".join(map(str, place)) if place else "settings"
    # A field that is read from another's variable is placed by that variable's own name.
    return name if name.isupper() else f"{ENV_PREFIX}{name.upper()}"
