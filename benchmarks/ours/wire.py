"""Requests and answers on the wire, as lean as a client can make them."""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING

from benchmarks import polynomial
from pullback.v1 import evaluation_pb2, gradient_pb2, gradient_pb2_grpc, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc.aio

_FLOAT64 = struct.Struct("<d")

# The ids of two runs must differ, or the second is answered from the first's results.
_RUN = uuid.uuid4().hex


def stub(channel: grpc.Channel | grpc.aio.Channel) -> gradient_pb2_grpc.GradientServiceStub:
    """Returns the service's generated stub; it has no types, nor have its calls."""
    return gradient_pb2_grpc.GradientServiceStub(channel)  # type: ignore[no-untyped-call]


class Exchange:
    """Makes numbered requests at distinct points, and keeps the answers until they are checked."""

    def __init__(self) -> None:
        self.xs: list[float] = []
        self._points: Iterator[float] = polynomial.points()
        self._values: dict[int, float] = {}
        self._gradients: dict[int, float] = {}
        self._prefix = f"{_RUN}{uuid.uuid4().hex[:8]}-"

    def request(self) -> gradient_pb2.EvaluateRequest:
        """Returns the next evaluation, under an id of its own."""
        x = next(self._points)
        self.xs.append(x)
        tensor = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT64, data=_FLOAT64.pack(x))
        evaluation = evaluation_pb2.Evaluation(program=polynomial.PROGRAM, inputs={"x": tensor})
        return gradient_pb2.EvaluateRequest(
            evaluation=evaluation, request_id=f"{self._prefix}{len(self.xs) - 1}"
        )

    def keep(self, request_id: str, result: evaluation_pb2.Result) -> None:
        """Keeps the value and the gradient that answer a request."""
        index = int(request_id[len(self._prefix) :])
        if index in self._values:
            raise polynomial.WrongAnswerError(f"{request_id} was answered twice")
        (self._values[index],) = _FLOAT64.unpack(result.values["y"].data)
        (self._gradients[index],) = _FLOAT64.unpack(result.gradients["x"].data)

    def keep_outcomes(self, response: gradient_pb2.EvaluateStreamResponse) -> int:
        """Keeps the outcomes of a stream's message and returns their number.

        Raises:
            WrongAnswerError: an outcome is an error.
        """
        for outcome in response.outcomes:
            if outcome.HasField("error"):
                raise polynomial.WrongAnswerError(f"{outcome.request_id} failed: {outcome.error.message}")
            self.keep(outcome.request_id, outcome.result)
        return len(response.outcomes)

    @property
    def answered(self) -> int:
        """How many requests have their answer."""
        return len(self._values)

    def check(self) -> None:
        """Checks that every request was answered once, and rightly.

        Raises:
            WrongAnswerError: an answer is wrong, or missing.
        """
        if len(self._values) != len(self.xs):
            raise polynomial.WrongAnswerError(f"{len(self.xs)} requests, {len(self._values)} answers")
        order = range(len(self.xs))
        polynomial.check(self.xs, [self._values[i] for i in order], [self._gradients[i] for i in order])
