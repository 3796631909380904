"""The template: a process that has all code loaded, computes nothing, and forks an evaluator per connection.

Its rules:

1. It has one thread, and never runs a torch operation: threads and autograd state do not survive a fork.
2. It keeps an end of every evaluator's connection, and never reads from it. When the drain hangs up, it kills
   the evaluator, in whatever native code that is: no thread of the evaluator could be sure to run. When the
   evaluator dies first, it tells the drain how, and hangs up.
3. It dies with the worker that started it, and every evaluator dies with it.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import struct
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from pullback.evaluator import frames
from pullback.evaluator.frames import Kind
from pullback.evaluator.mortality import die_with_parent
from pullback.evaluator.options import READY_LINE, Options
from pullback.evaluator.serve import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.evaluator.serve import Compute

_log = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# Where `SO_PEERCRED` puts the peer's uid: struct ucred is pid, uid, gid.
_CREDENTIALS = struct.Struct("iII")


def run(arguments: Sequence[str], start: Callable[[Options], Compute]) -> None:
    """Runs a template until it is told to stop.

    Args:
        arguments: the command line, see `Options`.
        start: starts an evaluator's engine; called in each evaluator, never in the template.
    """
    options = Options.parse(arguments)
    die_with_parent(options.parent_pid)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise RuntimeError(f"the template has {threads} threads, but may fork with one only")
    # What is loaded by now lives for ever. Frozen, the collector of an evaluator leaves its pages shared.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=options.listen_fd) as listener:
        Template(listener, partial(start, options)).run()


class Template:
    """Forks evaluators, and buries them."""

    def __init__(self, listener: socket.socket, start: Callable[[], Compute]) -> None:
        self._listener = listener
        self._start = start
        self._wakeup, self._signals = socket.socketpair()
        self._connections: dict[int, socket.socket] = {}
        self._poll = select.poll()

    def run(self) -> None:
        """Serves until a SIGTERM or SIGINT, then kills all evaluators."""
        self._listener.setblocking(False)
        self._wakeup.setblocking(False)
        self._signals.setblocking(False)
        signal.set_wakeup_fd(self._signals.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, *_STOP_SIGNALS):
            # The handler does nothing: that the signal arrived is read from the wake-up descriptor.
            signal.signal(number, lambda *_: None)
        self._poll.register(self._listener, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        _say_ready()
        try:
            while self._step():
                pass
        finally:
            # Evaluators end after this, maybe when the descriptor is closed: their signals have nowhere to go.
            signal.set_wakeup_fd(-1)
        for pid in self._connections:
            os.kill(pid, signal.SIGKILL)

    def _step(self) -> bool:
        ready = {fd for fd, _ in self._poll.poll()}
        if self._wakeup.fileno() in ready:
            signals = self._wakeup.recv(4_096)
            if any(number in signals for number in _STOP_SIGNALS):
                return False
            self._bury()
        for pid, connection in self._connections.items():
            if connection.fileno() in ready:
                # Once is enough, and the event would come again until the process is gone.
                self._poll.unregister(connection)
                os.kill(pid, signal.SIGKILL)
        if self._listener.fileno() in ready:
            self._accept()
        return True

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(True)
        if _peer_uid(connection) != os.getuid():
            connection.close()
            return
        template_pid = os.getpid()
        try:
            pid = os.fork()
        except OSError:
            _log.exception("an evaluator could not be forked")
            connection.close()
            return
        if pid == 0:
            self._become_evaluator(connection, template_pid)
        self._connections[pid] = connection
        self._poll.register(connection, select.POLLRDHUP)

    def _become_evaluator(self, connection: socket.socket, template_pid: int) -> NoReturn:
        code = 1
        try:
            die_with_parent(template_pid)
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, *_STOP_SIGNALS):
                signal.signal(number, signal.SIG_DFL)
            for inherited in (self._listener, self._wakeup, self._signals, *self._connections.values()):
                inherited.close()
            serve(connection, self._start)
            code = 0
        except ConnectionError:
            # The drain hung up: the end of most evaluators.
            code = 0
        except Exception:  # noqa: BLE001 - no exception may reach the template's own stack, which the fork copied
            _log.exception("an evaluator failed")
        finally:
            # Not sys.exit: the template's stack and its exit handlers are not this process's to unwind.
            os._exit(code)

    def _bury(self) -> None:
        while self._connections:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._connections.pop(pid) as connection:
                with contextlib.suppress(KeyError):
                    self._poll.unregister(connection)
                _send_epitaph(connection, os.waitstatus_to_exitcode(status))


def _send_epitaph(connection: socket.socket, exitcode: int) -> None:
    # The drain may be gone, or may not be reading; the template waits for nobody.
    with contextlib.suppress(OSError):
        frames.send(connection, frames.pack(Kind.EPITAPH, [(exitcode, ())]), timeout=0.0)


def _peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(credentials)[1]
    return uid


def _say_ready() -> None:
    os.write(1, READY_LINE)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
