"""A server that runs while a block of code does."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

from pullback.broker.embedded.binary import find_server
from pullback.broker.embedded.directory import DataDirectory
from pullback.broker.embedded.launch import STOP_SECONDS, prepare
from pullback.broker.embedded.log import ServerLog
from pullback.contract.errors import QueueUnavailable

if TYPE_CHECKING:
    from types import TracebackType

    from pullback.broker.embedded.binary import Server
    from pullback.broker.embedded.launch import Launch

#: How long a server may take until it answers, in seconds: 300,000 jobs took more than one minute on a busy machine.
READY_SECONDS = 600.0


@final
class EmbeddedRedis:
    """A durable Redis or Valkey on loopback; a context manager.

    Start it from the main thread: it ends with the thread that started it.

    Args:
        data_dir: the directory of its data, made where needed, for no other use.
        server: the binary; found by `find_server` when left out.
    """

    def __init__(self, data_dir: Path, *, server: Server | None = None) -> None:
        self._path = Path(data_dir)
        self._server = server
        self._directory: DataDirectory | None = None
        self._launch: Launch | None = None
        self._log: ServerLog | None = None
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Starts the server, and waits until it answers.

        A server that was started before and has died comes back with the same data, port and password.

        Returns:
            The URL to connect to.

        Raises:
            InvalidArgument: when the server cannot read the directory.
            QueueUnavailable: when there is no server, it does not start, or the directory is another's.
        """
        if self.process is not None and self.process.poll() is None:
            raise QueueUnavailable(f"{self._path}: the server runs already, as process {self.process.pid}")
        launch = self._launch or self._prepare()
        self._reap()
        self.process = subprocess.Popen(  # noqa: S603 - our own command line
            launch.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=launch.descriptors,
            process_group=0,  # Ctrl-C at a terminal is for us; we stop the server when its clients are gone
        )
        if self.process.stdout is None:
            raise AssertionError("a pipe was asked for")
        self._log = ServerLog(self.process.stdout)
        if not self._log.wait_until_ready(READY_SECONDS):
            self._fail(self._log)
        return launch.url

    def stop(self) -> None:
        """Ends the server, its data flushed, and lets the directory go. Does nothing the second time."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
            self._reap()
        if self._directory is not None:
            self._directory.release()
        self.process = self._directory = self._launch = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The URL to connect to.

        Raises:
            QueueUnavailable: when the server was not started.
        """
        if self._launch is None:
            raise QueueUnavailable(f"{self._path}: the server was not started")
        return self._launch.url

    def _prepare(self) -> Launch:
        server = self._server or find_server()
        self._directory = DataDirectory.take(self._path, server)
        self._launch = prepare(self._directory, server)
        return self._launch

    def _reap(self) -> None:
        if self.process is not None:
            self.process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None

    def _fail(self, log: ServerLog) -> None:
        if self.process is not None:
            self.process.kill()
        said = log.last_lines()
        self.stop()
        raise QueueUnavailable(f"{self._path}: the server did not start. The last that it said:\n{said}")
