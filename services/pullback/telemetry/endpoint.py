"""The HTTP endpoint of a process: ``/metrics`` for Prometheus, ``/livez`` and ``/readyz`` for probes.

In a thread of its own, with the standard library's server: it is asked some times a minute, from inside a cluster.
"""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import AF_INET6
from typing import TYPE_CHECKING, Any, ClassVar

from prometheus_client import exposition

from pullback.contract.errors import InvalidArgument
from pullback.contract.settings import host_and_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)

# Seconds that a caller may keep a thread.
PATIENCE = 10.0


class Endpoint:
    """Answers until it is closed."""

    def __init__(
        self,
        address: str,
        registry: CollectorRegistry,
        live: Callable[[], str | None],
        ready: Callable[[], str | None],
    ) -> None:
        """Listens.

        Args:
            address: ``host:port``; port 0 takes a free one.
            registry: what is told.
            live: says why the process is to be ended; None while it is not. Called from other threads.
            ready: says why it can take no work; None while it can.

        Raises:
            InvalidArgument: nobody can listen there.
        """
        host, port = host_and_port(address)

        class Handler(_Handler):
            texts: ClassVar = {"/livez": live, "/readyz": ready}
            metrics = registry

        class Server(ThreadingHTTPServer):
            address_family = AF_INET6 if host.startswith("[") else ThreadingHTTPServer.address_family
            daemon_threads = True

        try:
            self._server = Server((host.strip("[]"), port), Handler)
        except OSError as error:
            raise InvalidArgument(f"cannot listen on {address} for metrics: {error.strerror}") from error
        #: Where it listens.
        self.address = f"{host}:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True).start()

    def close(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    texts: ClassVar[Mapping[str, Callable[[], str | None]]]
    metrics: ClassVar[CollectorRegistry]
    timeout = PATIENCE
    server_version = "pullback"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._tell()
        elif path in self.texts:
            wrong = self.texts[path]()
            self._answer(503 if wrong else 200, "text/plain; charset=utf-8", f"{wrong or 'ok'}\n".encode())
        else:
            self._answer(404, "text/plain; charset=utf-8", b"there is /metrics, /livez and /readyz\n")

    def _tell(self) -> None:
        encode, kind = exposition.choose_encoder(self.headers.get("Accept", ""))
        try:
            body = encode(self.metrics)
        except Exception:  # whatever it is, the next look may do better
            log.exception("metrics could not be told")
            self._answer(500, "text/plain; charset=utf-8", b"metrics could not be told; the log says why\n")
        else:
            self._answer(200, kind, body)

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Says nothing: probes come every few seconds."""
