"""The stamp in a data directory: which server wrote it, and so which servers may open it.

Files of one server are not safe with every other. Redis 7.0 refuses what Valkey 9.1 wrote, and some servers
start empty on it without a word. So a directory says who wrote it, and the wrong server is never started.

    written by          opened by
    same flavour        the same version or newer
    Redis up to 7.2     Valkey, which forked from Redis 7.2 and reads its files
    anything else       refused
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, field_validator

from pullback.broker.embedded.version import Flavour, Version

if TYPE_CHECKING:
    from pullback.broker.embedded.binary import Server

#: The first Redis whose files Valkey does not promise to read.
_REDIS_BEYOND_VALKEY = Version(7, 3, 0)


class Stamp(BaseModel):
    """Who wrote a data directory last."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    flavour: Flavour
    version: str

    @field_validator("version")
    @classmethod
    def _has_three_numbers(cls, version: str) -> str:
        return str(Version.parse(version))

    def __str__(self) -> str:
        return f"{self.flavour.capitalize()} {self.version}"


def stamp_of(server: Server) -> Stamp:
    """Makes the stamp that a server leaves."""
    return Stamp(flavour=server.flavour, version=str(server.version))


def refusal(stamp: Stamp, server: Server) -> str | None:
    """Says why a server must not open a directory with this stamp; None when it may."""
    written = Version.parse(stamp.version)
    if server.flavour == stamp.flavour:
        if server.version >= written:
            return None
        return f"was written by {stamp}, and the older {server} may not read it"
    if server.flavour == Flavour.VALKEY and written < _REDIS_BEYOND_VALKEY:
        return None
    return f"was written by {stamp}, and {server} cannot read it"
