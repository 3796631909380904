"""The worker's side of its template."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Self

from pullback.contract.limits import DEFAULT_LIMITS
from pullback.evaluator.errors import EvaluatorUnavailable
from pullback.evaluator.options import READY_LINE, Options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.contract.limits import Limits

#: What the Python interpreter runs as a template.
EVALUATOR = ("-m", "pullback.evaluator")

# How long the template may take to load torch, in seconds: one or two, and many from a cold network disk.
START_SECONDS = 120.0

# How long the template may take to end when asked, in seconds. It waits for nothing.
_STOP_SECONDS = 5.0

# Drains that may be waiting for their evaluator at once; more than a worker has children.
_BACKLOG = 128

# All that the template and its evaluators find in their environment. Nothing comes from the worker's own.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    # One thread per evaluator: the processors are shared by evaluators, not by threads.
    "MKL_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Template:
    """The process that a worker's evaluators are forked from; see `pullback.evaluator.template`.

    Made and started in the worker's main process, from a thread that lasts as long as the worker: the kernel
    ends the template with the *thread* that started it. Children forked afterwards connect with `address`.

    The listening socket belongs to the worker. So a template that died can be started again at the same
    address, and drains that connected in the meantime find their evaluator a moment late.

    Attributes:
        address: what `Evaluator.connect` takes. An abstract socket address: no file is left behind, and the
            template refuses other users' connections.
    """

    def __init__(
        self,
        *,
        device: str,
        worker: str,
        limits: Limits = DEFAULT_LIMITS,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = EVALUATOR,
    ) -> None:
        """Prepares a template; nothing is started.

        Args:
            device: "cpu" or "cuda".
            worker: the worker's name, for `Result.worker`.
            limits: the bounds on an evaluation.
            environment: what the device's driver needs besides, such as `CUDA_VISIBLE_DEVICES`.
            program: what the Python interpreter runs.
        """
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # An empty address has the kernel choose one in the abstract namespace.
        self._listener.bind("")
        self._listener.listen(_BACKLOG)
        self.address: bytes = self._listener.getsockname()
        self._options = Options(
            listen_fd=self._listener.fileno(),
            parent_pid=os.getpid(),
            device=device,
            worker=worker,
            limits=limits,
        )
        self._environment = {**_ENVIRONMENT, **(environment or {})}
        self._program = tuple(program)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id; None while none was started."""
        return self._process.pid if self._process else None

    def start(self, *, timeout: float = START_SECONDS) -> None:
        """Starts the process, and waits until it accepts connections.

        Raises:
            EvaluatorUnavailable: it ended, or was not ready in time. Standard error says why.
        """
        self._process = subprocess.Popen(  # noqa: S603 - our own module, run by our own interpreter
            [sys.executable, "-I", *self._program, *self._options.arguments()],
            cwd="/",
            env=self._environment,
            pass_fds=[self._options.listen_fd],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            # A Ctrl-C at the worker's terminal is for the worker, which lets its drains finish first.
            start_new_session=True,
        )
        try:
            _wait_until_ready(self._process, timeout)
        except EvaluatorUnavailable:
            self._end()
            raise

    def wait(self) -> None:
        """Blocks until the process ends, for whatever reason."""
        if self._process:
            self._process.wait()

    def restart_if_dead(self) -> bool:
        """Starts the process again if it ended by itself; says whether it had.

        All evaluators ended with it, so drains reconnect by their own means.

        Raises:
            EvaluatorUnavailable: it cannot be started any more.
        """
        if self._process is None or self._process.poll() is None:
            return False
        self.start()
        return True

    def stop(self) -> None:
        """Ends the process and all its evaluators at once, and gives the address up."""
        self._end()
        self._listener.close()

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _wait_until_ready(process: subprocess.Popen[bytes], timeout: float) -> None:
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe; said for the type checker
    with process.stdout as output:
        poll = select.poll()
        poll.register(output, select.POLLIN)
        if not poll.poll(timeout * 1_000) or os.read(output.fileno(), len(READY_LINE)) != READY_LINE:
            raise EvaluatorUnavailable("the template did not become ready; see standard error")
