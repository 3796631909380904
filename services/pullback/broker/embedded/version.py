"""Which server a binary is: its flavour and its version."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple


class Flavour(StrEnum):
    """The two lines of servers that speak Redis's protocol and write its files."""

    REDIS = "redis"
    VALKEY = "valkey"


class Version(NamedTuple):
    """A release, ordered as releases are."""

    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @classmethod
    def parse(cls, text: str) -> Version:
        """Reads three numbers with dots between them.

        Raises:
            ValueError: when the text is something else.
        """
        major, minor, patch = text.split(".")
        return cls(int(major), int(minor), int(patch))


# What `--version` prints. On some systems Valkey is installed as redis-server, so that only this text, never
# the file's name, tells the two apart. (Asked over the wire, Valkey calls itself Redis 7.2.4.)
_BANNER = re.compile(r"^(?P<flavour>Redis|Valkey) server v=(?P<version>\d+\.\d+\.\d+)\b")


def read_banner(text: str) -> tuple[Flavour, Version] | None:
    """Reads what a server's `--version` printed; None when that is no server we know."""
    found = _BANNER.match(text)
    if found is None:
        return None
    return Flavour(found["flavour"].lower()), Version.parse(found["version"])
