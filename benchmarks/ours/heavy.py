"""Evaluations that keep a processor busy for a good part of a second each."""

from __future__ import annotations

import functools
import threading
import uuid
from typing import TYPE_CHECKING

import grpc
import numpy as np
import psutil

from benchmarks.ours.sequential import DEADLINE
from benchmarks.ours.wire import stub
from benchmarks.polynomial import WrongAnswerError
from pullback.v1 import evaluation_pb2, gradient_pb2, tensor_pb2

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

# Two float64 inputs of this size are 4 MiB; a product of two takes about 10 ms on one core.
SIZE = 512

# Forward once, backward twice as much: about 0.7 s of one core in all.
PRODUCTS = 24

# Two gradients of 2 MiB come back, with a frame around them: just over the 4 MiB that gRPC receives by default.
OPTIONS = [("grpc.max_receive_message_length", 64 * 2**20)]

PROGRAM = "\n".join(["z = x @ w", *["z = z @ w"] * (PRODUCTS - 1), "y = z.mean()"])

# Relative. Sums of 512 products, 24 times over.
TOLERANCE = 1e-9


@functools.cache
def _inputs() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    return tuple(random.standard_normal((2, SIZE, SIZE)) / np.sqrt(SIZE))  # the spectral norm stays near 2


@functools.cache
def _gradient_of_x() -> np.ndarray:
    w, row = _inputs()[1], np.full(SIZE, SIZE**-2.0)
    for _ in range(PRODUCTS):
        row = w @ row
    return np.broadcast_to(row, (SIZE, SIZE))


def request() -> gradient_pb2.EvaluateRequest:
    """Returns a heavy evaluation under an id of its own."""
    tensors = {
        name: tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, shape=array.shape, data=array.tobytes())
        for name, array in zip("xw", _inputs(), strict=True)
    }
    evaluation = evaluation_pb2.Evaluation(program=PROGRAM, inputs=tensors)
    return gradient_pb2.EvaluateRequest(evaluation=evaluation, request_id=uuid.uuid4().hex)


def evaluate(channel: grpc.Channel) -> None:
    """Has one heavy evaluation done.

    Raises:
        WrongAnswerError: the gradient of `x` is wrong.
    """
    result = stub(channel).Evaluate(request(), timeout=DEADLINE).result
    found = np.frombuffer(result.gradients["x"].data, dtype="<f8").reshape(SIZE, SIZE)
    if not np.allclose(
        found, _gradient_of_x(), rtol=TOLERANCE, atol=TOLERANCE * np.abs(_gradient_of_x()).max()
    ):
        raise WrongAnswerError("the gradient of the heavy evaluation is wrong")


def keep_busy(address: str, under_way: Event, finished: Event) -> None:
    """Keeps twice as many heavy evaluations in flight as there are cores.

    Args:
        address: host:port of the gateway.
        under_way: set when the first answer has come, with others still in flight.
        finished: no evaluation is begun once this is set.

    Raises:
        WrongAnswerError: an answer was wrong.
    """
    failures: list[Exception] = []

    def caller(channel: grpc.Channel) -> None:
        try:
            while not finished.is_set():
                evaluate(channel)
                under_way.set()
        except Exception as error:  # noqa: BLE001 - raised below, in the thread that ends the process
            failures.append(error)

    with grpc.insecure_channel(address, OPTIONS) as channel:
        threads = [
            threading.Thread(target=caller, args=(channel,)) for _ in range(2 * (psutil.cpu_count() or 1))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
