"""The template: a process that has all code loaded, computes nothing, and forks an evaluator per connection.

Its rules:

1. It has one thread, and never runs a torch operation: threads and autograd state do not survive a fork.
2. It keeps an end of every evaluator's connection, and never reads from it. When the drain hangs up, it kills
   the evaluator, in whatever native code that is: no thread of the evaluator could be sure to run. When the
   evaluator dies first, it tells the drain how, and hangs up.
3. It dies with the worker that started it, and every evaluator dies with it.
4. What few jobs need, and takes long to load, it loads when an evaluator first ends for want of it. Once: an evaluator
   cannot load anything itself. Nobody is forked meanwhile.
5. It holds nothing that an evaluator might steal: no credential was ever in it, and no tenant's tensor.
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
from typing import TYPE_CHECKING, NamedTuple, NoReturn, Protocol

from pullback.evaluator import frames
from pullback.evaluator.exits import Exit
from pullback.evaluator.frames import Kind
from pullback.evaluator.hardening import Hardening
from pullback.evaluator.mortality import die_with_parent
from pullback.evaluator.options import READY_LINE, Options
from pullback.evaluator.serve import Retired, Tainted, Unprepared, serve
from pullback.evaluator.stderr import Pipe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.evaluator.hardening import Protections
    from pullback.evaluator.serve import Compute

_log = logging.getLogger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

# Where `SO_PEERCRED` puts the peer's uid: struct ucred is pid, uid, gid.
_CREDENTIALS = struct.Struct("iII")


class AbstractHardening(Protocol):
    """What is needed of a `Hardening`."""

    @property
    def protections(self) -> Protections:
        """What each evaluator has."""

    def isolate(self, connection_fd: int) -> None:
        """Parts an evaluator from its parent, see `Hardening.isolate`."""

    def confine(self) -> None:
        """Takes from it what it needs no more, see `Hardening.confine`."""


def run(
    arguments: Sequence[str],
    start: Callable[[Options], Compute],
    hardening: AbstractHardening | None = None,
    load: Callable[[], None] = lambda: None,
) -> None:
    """Runs a template until it is told to stop.

    Args:
        arguments: the command line, see `Options`.
        start: starts an evaluator's engine; called in each evaluator, never in the template.
        hardening: what hardens the evaluators; None takes all that this machine has.
        load: loads what an evaluator ended for want of; see `Compute.lacks`. Called again each time, raises nothing,
            and computes nothing.
    """
    options = Options.parse(arguments)
    hardening = hardening or Hardening(options.device, options.limits)
    die_with_parent(options.parent_pid)
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads != 1:
        raise RuntimeError(f"the template has {threads} threads, but may fork with one only")
    # What is loaded by now lives for ever. Frozen, the collector of an evaluator leaves its pages shared.
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=options.listen_fd) as listener:
        Template(listener, partial(start, options), hardening, load).run()


class _Child(NamedTuple):
    """What the template holds of an evaluator."""

    connection: socket.socket
    stderr: Pipe


class Template:
    """Forks evaluators, and buries them."""

    def __init__(
        self,
        listener: socket.socket,
        start: Callable[[], Compute],
        hardening: AbstractHardening,
        load: Callable[[], None] = lambda: None,
    ) -> None:
        self._listener = listener
        self._load = load
        self._start = start
        self._hardening = hardening
        self._wakeup, self._signals = socket.socketpair()
        self._children: dict[int, _Child] = {}
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
        for pid in self._children:
            _kill(pid)

    def _step(self) -> bool:
        ready = {fd for fd, _ in self._poll.poll()}
        if self._wakeup.fileno() in ready:
            signals = self._wakeup.recv(4_096)
            if any(number in signals for number in _STOP_SIGNALS):
                return False
            self._bury()
        for pid, (connection, stderr) in self._children.items():
            if connection.fileno() in ready:
                # Once is enough, and the event would come again until the process is gone.
                self._poll.unregister(connection)
                _kill(pid)
            if stderr.fileno() in ready and not stderr.relay():
                self._poll.unregister(stderr)
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
        stderr = Pipe()
        try:
            pid = os.fork()
        except OSError:
            _log.exception("an evaluator could not be forked")
            connection.close()
            stderr.keep_reading_end()
            stderr.close()
            return
        if pid == 0:
            self._become_evaluator(connection, stderr, template_pid)
        stderr.keep_reading_end()
        self._children[pid] = _Child(connection, stderr)
        self._poll.register(connection, select.POLLRDHUP)
        self._poll.register(stderr, select.POLLIN)

    def _become_evaluator(self, connection: socket.socket, stderr: Pipe, template_pid: int) -> NoReturn:
        code = Exit.FAILED
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, *_STOP_SIGNALS):
                signal.signal(number, signal.SIG_DFL)
            stderr.become_stderr()
            self._hardening.isolate(connection.fileno())
            # Not before: the kernel forgets this order when a process becomes another user's.
            die_with_parent(template_pid)
            serve(connection, self._start, self._hardening)
            code = Exit.DONE
        except ConnectionError:
            # The drain hung up: the end of most evaluators.
            code = Exit.DONE
        except Retired:
            code = Exit.RETIRED
        except Tainted:
            code = Exit.TAINTED
        except Unprepared:
            code = Exit.UNPREPARED
        except MemoryError:
            code = Exit.OUT_OF_MEMORY
        except Exception:  # noqa: BLE001 - no exception may reach the template's own stack, which the fork copied
            _log.exception("an evaluator failed")
        finally:
            # Not sys.exit: the template's stack and its exit handlers are not this process's to unwind.
            os._exit(code)

    def _bury(self) -> None:
        while self._children:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            connection, stderr = self._children.pop(pid)
            with connection:
                for each in (connection, stderr):
                    with contextlib.suppress(KeyError):
                        self._poll.unregister(each)
                stderr.relay()
                stderr.close()
                exitcode = os.waitstatus_to_exitcode(status)
                if exitcode == Exit.UNPREPARED:
                    self._load()
                    exitcode = Exit.RETIRED
                _send_epitaph(connection, exitcode, stderr.last_words)


def _kill(pid: int) -> None:
    # What an evaluator has started would be in its group; a filter sees to it that there is nothing.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    # It may not have its group yet. While it is not buried, its id is no other process's.
    os.kill(pid, signal.SIGKILL)


def _send_epitaph(connection: socket.socket, exitcode: int, last_words: bytes) -> None:
    # The drain may be gone, or may not be reading; the template waits for nobody.
    with contextlib.suppress(OSError):
        frames.send(connection, frames.pack(Kind.EPITAPH, [(exitcode, (last_words,))]), timeout=0.0)


def _peer_uid(connection: socket.socket) -> int:
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(credentials)[1]
    return uid


def _say_ready() -> None:
    os.write(1, READY_LINE)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
