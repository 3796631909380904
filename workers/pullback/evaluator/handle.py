"""A drain's side of its evaluator."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from typing import TYPE_CHECKING, Self

from pullback.contract.lifecycle import Event
from pullback.evaluator import frames
from pullback.evaluator.errors import (
    EvaluatorDied,
    EvaluatorRetired,
    EvaluatorTimedOut,
    EvaluatorUnavailable,
)
from pullback.evaluator.exits import Exit
from pullback.evaluator.frames import Frame, FrameError, Kind
from pullback.evaluator.hardening import Protections
from pullback.evaluator.job import Job, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

# How long a new evaluator may take to be ready, in seconds. A fork takes milliseconds; CUDA's start, seconds.
CONNECT_SECONDS = 60.0


class Evaluator:
    """One evaluator: a process forked for this connection, and gone with it.

    To hang up is to kill: the template, which is the process's parent, sends it SIGKILL as soon as this side
    of the connection closes, for whatever reason. So no pid is ever signalled that could have been used
    again, and the drain needs no right to signal its evaluator.

    Attributes:
        pid: the process id, for logs.
        engine: the version of engine and torch, as in `Result.engine`.
        protections: what stands between its programs and the machine.
    """

    def __init__(self, sock: socket.socket, *, timeout: float = CONNECT_SECONDS) -> None:
        """Waits for the evaluator at the other end of `sock` to be ready, and owns `sock` from then on.

        Raises:
            EvaluatorUnavailable: it did not become ready within `timeout` seconds.
        """
        frames.widen(sock)
        self._sock = sock
        self._reader = frames.Reader(sock)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._lock = threading.Lock()
        self._killed = False
        try:
            self.pid, self.engine, self.protections = self._hello(time.monotonic() + timeout)
        except BaseException:
            self.close()
            raise

    @classmethod
    def connect(cls, address: bytes, *, timeout: float = CONNECT_SECONDS) -> Self:
        """Asks a template for a new evaluator.

        Args:
            address: the template's `Template.address`.
            timeout: seconds to wait for it.

        Raises:
            EvaluatorUnavailable: the template is not running, or the evaluator did not become ready in time.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(timeout)
            sock.connect(address)
        except OSError as error:
            sock.close()
            raise EvaluatorUnavailable(f"no template listens: {error}") from error
        return cls(sock, timeout=timeout)

    def _hello(self, until: float) -> tuple[int, str, Protections]:
        try:
            (pid, ready), (engine, about) = self._receive(until, Kind.HELLO, entries=2)
        except (EvaluatorDied, EvaluatorTimedOut) as error:
            raise EvaluatorUnavailable(f"a new evaluator did not become ready: {error}") from error
        if ready != frames.READY:
            raise EvaluatorUnavailable(f"a new evaluator could not start: {_text(about)}")
        return pid, _text(engine), Protections.unpack(about)

    def evaluate(self, jobs: Sequence[Job], *, timeout: float | None = None) -> list[Outcome]:
        """Evaluates jobs as one batch, and blocks until all are done.

        Args:
            jobs: at most `frames.MAX_ENTRIES`.
            timeout: seconds that the batch may take; None for no limit.

        Returns:
            One outcome per job, in order: SUCCEED or FAIL; or, of several jobs, LOSE for one that found no memory
            beside the others.

        Raises:
            EvaluatorRetired: the process had ended before, by itself, and did nothing for the batch.
            EvaluatorDied: the process ended first. So it does when another thread calls `kill`.
            EvaluatorTimedOut: the batch took longer than `timeout`.
            FrameError: the jobs are more than one frame can hold; nothing was sent.
        """
        until = None if timeout is None else time.monotonic() + timeout
        frame = frames.pack(Kind.BATCH, [(job.accept_ms, (job.evaluation,)) for job in jobs])
        try:
            self._send(frame, timeout)
            tags, blobs = self._receive(until, Kind.OUTCOMES, entries=len(jobs))
            return [
                Outcome(job.id, _event(tag, is_alone=len(jobs) == 1), bytes(blob))
                for job, tag, blob in zip(jobs, tags, blobs, strict=True)
            ]
        except BaseException:
            # What is left of the exchange is still on its way, so the connection is of no more use.
            self.kill()
            raise

    def _send(self, frame: list[bytes], timeout: float | None) -> None:
        try:
            frames.send(self._sock, frame, None if timeout is None else max(timeout, 0.0))
        except TimeoutError:
            raise EvaluatorTimedOut from None
        except OSError:
            # The reason, if the template could still send one, is to be read.
            return

    def _receive(
        self, until: float | None, kind: Kind, *, entries: int
    ) -> tuple[Sequence[int], Sequence[bytes]]:
        try:
            frame = self._reader.read(until)
        except TimeoutError:
            raise EvaluatorTimedOut from None
        except (OSError, FrameError) as error:
            raise EvaluatorDied(None) from error
        if frame is None or frame.kind != kind or len(frame.tags) != entries:
            raise _death(frame)
        return frame.tags, frame.blobs

    @property
    def alive(self) -> bool:
        """Whether the process can take a batch; False once it died or was killed."""
        # Between batches an evaluator says nothing: anything to read is an epitaph or the end.
        return not self._killed and not self._reader.is_ahead and not self._poll.poll(0)

    def kill(self) -> None:
        """Kills the process, also from another thread while `evaluate` waits, and also twice."""
        with self._lock:
            if not self._killed:
                self._killed = True
                with contextlib.suppress(OSError):
                    self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Kills the process and frees the connection. Not while another thread is in `evaluate`."""
        self.kill()
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _event(tag: int, *, is_alone: bool) -> Event:
    if tag == frames.SUCCEEDED:
        return Event.SUCCEED
    return Event.LOSE if tag == frames.STARVED and not is_alone else Event.FAIL


def _death(frame: Frame | None) -> EvaluatorDied:
    if frame is None or frame.kind != Kind.EPITAPH or not frame.tags:
        return EvaluatorDied(None)
    exitcode = frame.tags[0]
    cls = EvaluatorRetired if exitcode == Exit.RETIRED else EvaluatorDied
    return cls(exitcode, _text(frame.blobs[0]))


def _text(blob: bytes) -> str:
    return blob.decode(errors="replace")
