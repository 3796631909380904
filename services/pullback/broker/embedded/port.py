"""A free TCP port on loopback that stays free while the server on it is down for a moment."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path

from pullback.contract.errors import QueueUnavailable

# The kernel gives outgoing connections a port of this range. One that keeps trying to reach a server that is
# down can be given the server's own port, connect to itself, and keep the server from coming back. So we
# stay below.
_OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")

#: The lowest port to take; those below belong to well-known services.
_LOWEST = 10_000

#: Random ports to try: with half of all ports taken, all fail once in a million times.
_TRIES = 20


def free_port() -> int:
    """Finds a port that is free now.

    Raises:
        QueueUnavailable: when none is found.
    """
    beyond = int(_OUTGOING_RANGE.read_text(encoding="ascii").split()[0])
    for _ in range(_TRIES):
        # 0 lets the kernel choose, where it uses all ports for outgoing connections anyway.
        port = _LOWEST + secrets.randbelow(beyond - _LOWEST) if beyond > _LOWEST else 0
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise QueueUnavailable("found no free TCP port on 127.0.0.1 for Redis")
