"""What an evaluator does from its first moment to its last: say hello, then answer batches."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.message import DecodeError

from pullback.contract.errors import InternalFault, InvalidArgument, PullbackError
from pullback.evaluator import frames
from pullback.evaluator.frames import Frame, FrameError, Kind
from pullback.evaluator.job import error_message
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

_log = logging.getLogger(__name__)

# The tag of `EvaluateOutcome.result`: field 2, with a length before it.
_RESULT_TAG = b"\x12"


class Compute(NamedTuple):
    """An engine that is ready.

    Attributes:
        version: the version of engine and torch, as in `Result.engine`.
        evaluate_many: computes evaluations, and gives a result or an error for each, in order.
    """

    version: str
    evaluate_many: Callable[[Sequence[pb.Evaluation]], Sequence[pb.Result | PullbackError]]


def serve(sock: socket.socket, start: Callable[[], Compute]) -> None:
    """Serves one drain until it hangs up.

    Args:
        sock: the connection to the drain.
        start: starts the engine. The first code of this process that may run torch operations.

    Raises:
        FrameError: the drain sent something malformed.
        OSError: the connection broke.
    """
    try:
        compute = start()
    except Exception as error:  # noqa: BLE001 - whatever it is, the drain's log is where it is of use
        _say_hello(sock, frames.NOT_READY, reason=f"{type(error).__name__}: {error}")
        return
    _say_hello(sock, frames.READY, version=compute.version)
    frames.widen(sock)
    reader = frames.Reader(sock)
    while (frame := reader.read()) is not None:
        if frame.kind != Kind.BATCH:
            raise FrameError(f"an evaluator was sent a frame of kind {frame.kind.name}")
        frames.send(sock, frames.pack(Kind.OUTCOMES, answer(frame, compute)))


def _say_hello(sock: socket.socket, ready: int, *, version: str = "", reason: str = "") -> None:
    entries = [(os.getpid(), (version.encode(),)), (ready, (reason.encode(),))]
    frames.send(sock, frames.pack(Kind.HELLO, entries))


def answer(frame: Frame, compute: Compute) -> list[tuple[int, Sequence[bytes]]]:
    """Evaluates the batch of a frame, and makes the entries of the frame that answers it."""
    evaluations = [_parse(blob) for blob in frame.blobs]
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
    except Exception:  # noqa: BLE001 - an engine raises nothing, so whatever it raises is a bug of ours
        if len(evaluations) == 1:
            _log.exception("the engine failed")
            return [InternalFault("the service failed; this is a fault of ours, not of the evaluation")]
        # A bug that one evaluation finds must not fail its neighbours.
        return [_evaluate(compute, [each])[0] for each in evaluations]


def _entry(result: pb.Result | PullbackError, stamps: _Stamps, accept_ms: int) -> tuple[int, Sequence[bytes]]:
    if isinstance(result, PullbackError):
        return frames.FAILED, (error_message(result),)
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
