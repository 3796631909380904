"""A Redis of our own: found, started on loopback with durable data, and gone with its parent."""

from pullback.broker.embedded.binary import Server, find_server
from pullback.broker.embedded.directory import DataDirectory
from pullback.broker.embedded.launch import READY_TEXT, STOP_SECONDS, Launch, prepare
from pullback.broker.embedded.leash import leashed
from pullback.broker.embedded.port import free_port
from pullback.broker.embedded.server import EmbeddedRedis

__all__ = [
    "READY_TEXT",
    "STOP_SECONDS",
    "DataDirectory",
    "EmbeddedRedis",
    "Launch",
    "Server",
    "find_server",
    "free_port",
    "leashed",
    "prepare",
]
