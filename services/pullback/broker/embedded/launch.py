"""All that is needed to start a server on a data directory, and to reach it then."""

from __future__ import annotations

import secrets
import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pullback.broker.embedded.allocator import allocator_environment
from pullback.broker.embedded.config import config_text
from pullback.broker.embedded.directory import DataDirectory, write_private
from pullback.broker.embedded.leash import leashed
from pullback.broker.embedded.port import free_port

if TYPE_CHECKING:
    from pullback.broker.embedded.binary import Server

#: What both flavours log once they have loaded their data and take commands.
READY_TEXT = "Ready to accept connections"

#: How long a server may take to flush and end after SIGTERM, in seconds.
STOP_SECONDS = 10.0

_CONFIG = "server.conf"


@dataclass(frozen=True)
class Launch:
    """How to start a server; may be used again and again, for the same port and data.

    Attributes:
        command: the command line. The server gets SIGTERM when its parent dies, so that it closes its files.
        descriptors: what the server must inherit, such as the directory's lock.
        address: where it listens, `host:port`.
        url: what clients connect to, password included.
    """

    command: tuple[str, ...]
    descriptors: tuple[int, ...]
    address: str
    url: str = field(repr=False)


def prepare(directory: DataDirectory, server: Server) -> Launch:
    """Chooses a port and a password and writes the configuration into the directory.

    Raises:
        QueueUnavailable: when no port is free.
    """
    address = f"127.0.0.1:{free_port()}"
    password = secrets.token_hex(32)
    config = directory.path / _CONFIG
    port = int(address.rpartition(":")[2])
    write_private(config, config_text(directory=directory.path, port=port, password=password))
    return Launch(
        command=leashed(
            ("/usr/bin/env", *allocator_environment(), str(server.path), str(config)), signal.SIGTERM
        ),
        descriptors=(directory.lock,),
        address=address,
        url=f"redis://:{password}@{address}/0",
    )
