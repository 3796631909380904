"""What an evaluator does from its first moment to its last: say hello, then answer batches."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, NamedTuple, Protocol

from google.protobuf.message import DecodeError

from pullback.contract.errors import InternalFault, InvalidArgument, LimitExceeded, PullbackError
from pullback.evaluator import frames
from pullback.evaluator.frames import Frame, FrameError, Kind
from pullback.evaluator.hardening.bounds import CpuBound
from pullback.evaluator.job import error_message
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from pullback.evaluator.hardening import Protections

_log = logging.getLogger(__name__)

# The tag of `EvaluateOutcome.result`: field 2, with a length before it.
_RESULT_TAG = b"\x12"


class Retired(Exception):
    """All that was taken is answered, and this process should not take more."""


class Tainted(Exception):
    """A batch left the process changed: what it computed after that cannot be trusted."""


class Unprepared(Exception):
    """A batch needs code that this process has not loaded and can load no more; nothing was computed."""


class Compute(NamedTuple):
    """An engine that is ready.

    Attributes:
        version: the version of engine and torch, as in `Result.engine`.
        evaluate_many: computes evaluations, and gives a result or an error for each, in order.
        changes: names what is not as it was when the engine started; empty where all is.
        lacks: tells whether an evaluation needs code that the template has not loaded.
    """

    version: str
    evaluate_many: Callable[[Sequence[pb.Evaluation]], Sequence[pb.Result | PullbackError]]
    changes: Callable[[], str] = str
    lacks: Callable[[pb.Evaluation], object] = lambda _: False


class AbstractConfinement(Protocol):
    """What is needed of a `Hardening` here."""

    @property
    def protections(self) -> Protections:
        """What this process has once it is confined."""

    def confine(self) -> None:
        """Takes from this process what it needs no more."""


def serve(sock: socket.socket, start: Callable[[], Compute], confinement: AbstractConfinement) -> None:
    """Serves one drain until it hangs up.

    Args:
        sock: the connection to the drain.
        start: starts the engine. The first code of this process that may run torch operations.
        confinement: applied when the engine has started, before anything of a tenant's is read.

    Raises:
        FrameError: the drain sent something malformed.
        OSError: the connection broke.
        Retired: a job changed the process, or there was no memory for one; it was answered.
        Tainted: a job of a batch changed the process; no answer was sent.
        Unprepared: a batch needs what is not loaded; nothing was computed, and no answer was sent.
        MemoryError: there was no memory to answer with.
    """
    try:
        compute = start()
        frames.widen(sock)
        confinement.confine()
    except Exception as error:  # noqa: BLE001 - whatever it is, the drain's log is where it is of use
        _say_hello(sock, frames.NOT_READY, about=f"{type(error).__name__}: {error}".encode())
        return
    _say_hello(sock, frames.READY, version=compute.version, about=confinement.protections.pack())
    reader = frames.Reader(sock)
    cpu = CpuBound()
    while (frame := reader.read()) is not None:
        if frame.kind != Kind.BATCH:
            raise FrameError(f"an evaluator was sent a frame of kind {frame.kind.name}")
        cpu.move()
        _serve_batch(sock, frame, compute)


def _serve_batch(sock: socket.socket, frame: Frame, compute: Compute) -> None:
    entries = answer(frame, compute)
    is_alone = len(entries) == 1
    # Of a job alone the answer is right whatever it changed, and need not wait for the look at what it did.
    if not is_alone and (changes := compute.changes()):
        _log.error("a batch changed its evaluator (%s); its jobs run again one by one", changes)
        raise Tainted
    frames.send(sock, frames.pack(Kind.OUTCOMES, entries))
    if is_alone and (changes := compute.changes()):
        _log.error("a job changed its evaluator (%s), which ends", changes)
        raise Retired
    if any(tag == frames.STARVED for tag, _ in entries):
        # What is left after an allocation that failed is in pieces.
        raise Retired


def _say_hello(sock: socket.socket, ready: int, *, version: str = "", about: bytes = b"") -> None:
    entries = [(os.getpid(), (version.encode(),)), (ready, (about,))]
    frames.send(sock, frames.pack(Kind.HELLO, entries))


def answer(frame: Frame, compute: Compute) -> list[tuple[int, Sequence[bytes]]]:
    """Evaluates the batch of a frame, and makes the entries of the frame that answers it.

    Raises:
        Unprepared: it needs code that is not loaded.
    """
    evaluations = [_parse(blob) for blob in frame.blobs]
    if any(compute.lacks(each) for each in evaluations if isinstance(each, pb.Evaluation)):
        raise Unprepared
    start_ns = time.time_ns()
    results = iter(_evaluate(compute, [each for each in evaluations if isinstance(each, pb.Evaluation)]))
    stamps = _Stamps(start_ns, time.time_ns())
    return [
        _entry(each if isinstance(each, PullbackError) else next(results), stamps, accept_ms)
        for each, accept_ms in zip(evaluations, frame.tags, strict=True)
    ]


class _Stamps:
    """The timings of the results of a batch."""

    def __init__(self, start_ns: int, finish_ns: int) -> None:
        self._holder = pb.Result()
        timings = self._holder.timings
        # Not `FromNanoseconds`, which is Python and does the same.
        timings.start_time.seconds, timings.start_time.nanos = divmod(start_ns, 1_000_000_000)
        timings.finish_time.seconds, timings.finish_time.nanos = divmod(finish_ns, 1_000_000_000)
        self._accept_time = timings.accept_time
        self._accept_ms: int | None = None
        self._encoded = b""

    def encoded(self, accept_ms: int) -> bytes:
        """Gives the encoding of a result that has timings and nothing else."""
        if accept_ms != self._accept_ms:
            self._accept_ms = accept_ms
            self._accept_time.FromMilliseconds(accept_ms)
            self._encoded = self._holder.SerializeToString(deterministic=True)
        return self._encoded


def _parse(blob: bytes) -> pb.Evaluation | PullbackError:
    try:
        return pb.Evaluation.FromString(blob)
    except DecodeError:
        return InvalidArgument("the bytes are not an evaluation")


def _evaluate(compute: Compute, evaluations: Sequence[pb.Evaluation]) -> Sequence[pb.Result | PullbackError]:
    try:
        return compute.evaluate_many(evaluations)
    except MemoryError:
        # Not even an error could be made of it.
        raise
    except Exception:  # noqa: BLE001 - an engine raises nothing, so whatever it raises is a bug of ours
        if len(evaluations) == 1:
            _log.exception("the engine failed")
            return [InternalFault("the service failed; this is a fault of ours, not of the evaluation")]
        # A bug that one evaluation finds must not fail its neighbours.
        return [_evaluate(compute, [each])[0] for each in evaluations]


def _entry(result: pb.Result | PullbackError, stamps: _Stamps, accept_ms: int) -> tuple[int, Sequence[bytes]]:
    if isinstance(result, PullbackError):
        is_starved = isinstance(result, LimitExceeded) and result.metadata.get("limit") == "memory"
        return frames.STARVED if is_starved else frames.FAILED, (error_message(result),)
    # Deterministic, because the order of a map's entries depends on the process otherwise.
    body = result.SerializeToString(deterministic=True)
    # Encodings one after the other are those of the messages merged: this is the result with its timings.
    stamp = stamps.encoded(accept_ms)
    # The outcome is written around the result by hand: to put a result into a message is to copy its tensors.
    return frames.SUCCEEDED, (_RESULT_TAG + _varint(len(body) + len(stamp)), body, stamp)


def _varint(number: int) -> bytes:
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
