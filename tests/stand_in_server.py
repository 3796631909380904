"""A gRPC server in this process, for stand-ins of a service, which can be stopped and started on one port."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import grpc

from pullback.contract.limits import MAX_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds after which a test that waits has failed.
PATIENCE = 30.0

_OPTIONS: list[tuple[str, Any]] = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),
]

Service = TypeVar("Service")


class StandInServer(Generic[Service]):
    """A service with its server."""

    def __init__(self, service: Service, add: Callable[[Service, grpc.Server], None]) -> None:
        """Starts it.

        Args:
            service: what answers.
            add: gives a server its calls.
        """
        self.service = service
        self._add = add
        self._port = 0
        self.start()

    @property
    def address(self) -> str:
        """Where it listens, or listened."""
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Listens, on the same port as before."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=_OPTIONS)
        self._add(self.service, self._server)
        self._port = self._server.add_insecure_port(self.address)
        self._server.start()

    def stop(self) -> None:
        """Breaks every call off and stops listening."""
        self._server.stop(None).wait(PATIENCE)
