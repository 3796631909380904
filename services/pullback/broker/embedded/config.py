"""The server's configuration as text: every setting that matters is given, no build's defaults count."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# One argument a line; the three that differ from server to server are added by `config_text`.
_FIXED = """\
bind 127.0.0.1
protected-mode yes
daemonize no
supervised no
loglevel notice
logfile ""
syslog-enabled no
databases 16
timeout 0
tcp-keepalive 60
maxclients 10000
maxmemory 0
maxmemory-policy noeviction
save ""
appendonly yes
appendfsync everysec
appendfilename "appendonly.aof"
appenddirname "appendonlydir"
no-appendfsync-on-rewrite no
latency-tracking no
client-output-buffer-limit pubsub 256mb 64mb 60
auto-aof-rewrite-percentage 100
auto-aof-rewrite-min-size 512mb
aof-load-truncated yes
aof-use-rdb-preamble yes
rdbcompression no
aof-timestamp-enabled no
dbfilename "dump.rdb"
stop-writes-on-bgsave-error yes
shutdown-timeout 10
shutdown-on-sigint default
shutdown-on-sigterm default
enable-debug-command no
enable-module-command no
enable-protected-configs no
"""


def config_text(*, directory: Path, port: int, password: str) -> str:
    """Writes the configuration of a durable server on loopback.

    Args:
        directory: where its data lie.
        port: the TCP port.
        password: what clients must give; letters and digits.
    """
    return f"{_FIXED}port {port}\nrequirepass {password}\ndir {_quoted(directory)}\n"


def _quoted(path: Path) -> str:
    """Quotes a path for the server's parser, byte by byte, for a path may hold any byte but 0."""
    plain = set(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
    text = "".join(chr(byte) if byte in plain else f"\\x{byte:02x}" for byte in os.fsencode(path))
    return f'"{text}"'
