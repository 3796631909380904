"""A service that answers by closed forms, on a real gRPC server, in this process."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, final

import grpc
import numpy as np
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_status import rpc_status
from tests.job_stand_in.service import JobServer
from tests.stand_in_server import PATIENCE, StandInServer

from pullback.contract.errors import DeviceNotServed, ProgramError
from pullback.contract.status import to_status
from pullback.contract.tensors import decode, encode
from pullback.v1 import evaluation_pb2, gradient_pb2, gradient_pb2_grpc, graph_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.contract.errors import PullbackError

#: The program of the README, whose gradient is 8x^3 + 3x^2 + 6x + 5.
QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

#: A program that the service answers with its inputs, as values and as gradients.
ECHO = "echo"

#: A program that the service waits with until the test opens the gate.
GATED = "gated"


def _result(evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
    result = evaluation_pb2.Result(device=evaluation_pb2.DEVICE_CPU, worker="fake", engine="0")
    result.timings.accept_time.CopyFrom(Timestamp(seconds=1))
    if evaluation.program == QUARTIC:
        x = decode(evaluation.inputs["x"]).astype(np.float64)
        value = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
        result.values["y"].CopyFrom(encode(np.asarray(value, np.float32)))
        if evaluation.WhichOneof("derivative") != "value_only":
            gradient = 8 * x**3 + 3 * x**2 + 6 * x + 5
            result.gradients["x"].CopyFrom(encode(np.asarray(gradient, np.float32)))
    elif evaluation.program in {ECHO, GATED}:
        for name, tensor in evaluation.inputs.items():
            result.values[name].CopyFrom(tensor)
            result.gradients[name].CopyFrom(tensor)
        result.absent_gradients["idle"] = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        result.printed = "hello\n"
    else:
        raise ProgramError("line 1, column 5: no such name `nope`", field="program")
    if evaluation.export:
        result.artifact.format = evaluation.export
        result.artifact.data = f"{evaluation.WhichOneof('derivative')} {evaluation.outputs}".encode()
        result.artifact.versions["torch"] = "1.0"
        result.artifact.inputs.extend(sorted(evaluation.inputs))
        result.artifact.outputs.append("y")
    if evaluation.return_graph:
        result.graph.CopyFrom(graph())
    return result


def graph() -> graph_pb2.AutogradGraph:
    """A graph of one function and one leaf."""
    leaf = graph_pb2.GraphLeaf(name="x", dtype=tensor_pb2.DATA_TYPE_FLOAT32)
    return graph_pb2.AutogradGraph(
        schema_version=1,
        nodes=[
            graph_pb2.GraphNode(id=0, name="MulBackward0", dtype=leaf.dtype),
            graph_pb2.GraphNode(id=1, name="AccumulateGrad", leaf=leaf, dtype=leaf.dtype),
        ],
        edges=[graph_pb2.GraphEdge(from_node=0, input_index=0, to_node=1)],
        outputs=[graph_pb2.GraphOutput(name="y", node=0)],
    )


@final
class FakeService(gradient_pb2_grpc.GradientServiceServicer):
    """Answers, refuses, keeps waiting and breaks off as a test tells it.

    Attributes:
        request_ids: of every evaluation that arrived, in order.
        refusals: errors to give, in order, instead of answers.
        breaks: after how many messages each stream breaks off, in order of streams.
        entered: set when a gated evaluation has arrived.
        gate: what gated evaluations wait for.
    """

    def __init__(self) -> None:
        self.request_ids: list[str] = []
        self.refusals: deque[PullbackError] = deque()
        self.breaks: deque[int] = deque()
        self.entered = threading.Event()
        self.gate = threading.Event()

    def Evaluate(  # noqa: N802 - the RPC's name
        self, request: gradient_pb2.EvaluateRequest, context: grpc.ServicerContext
    ) -> gradient_pb2.EvaluateResponse:
        """Answers one."""
        outcome = self._outcome(request)
        if outcome.HasField("error"):
            context.abort_with_status(rpc_status.to_status(outcome.error))
        return gradient_pb2.EvaluateResponse(result=outcome.result)

    def EvaluateStream(  # noqa: N802 - the RPC's name
        self, request_iterator: Iterator[gradient_pb2.EvaluateStreamRequest], context: grpc.ServicerContext
    ) -> Iterator[gradient_pb2.EvaluateStreamResponse]:
        """Answers each message's evaluations last to first."""
        left = self.breaks.popleft() if self.breaks else None
        for message in request_iterator:
            if left == 0:
                context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
            outcomes = [self._outcome(request) for request in reversed(message.requests)]
            yield gradient_pb2.EvaluateStreamResponse(outcomes=outcomes)
            left = None if left is None else left - 1

    def CheckProgram(  # noqa: N802 - the RPC's name
        self, request: gradient_pb2.CheckProgramRequest, context: grpc.ServicerContext
    ) -> gradient_pb2.CheckProgramResponse:
        """Finds fault with every program but the quartic."""
        del context
        if request.program == QUARTIC:
            response = gradient_pb2.CheckProgramResponse(inputs=["x"], outputs=["y"], ops=["operator.add"])
            for name, spec in request.input_specs.items():
                response.estimates.gradients[name].CopyFrom(spec)
                response.estimates.work = 12_345
            return response
        fault = gradient_pb2.Diagnostic(
            line=1, column=5, message="no such name `nope`", source_line="y = nope", caret_line="    ^^^^"
        )
        return gradient_pb2.CheckProgramResponse(diagnostics=[fault])

    def _outcome(self, request: gradient_pb2.EvaluateRequest) -> gradient_pb2.EvaluateOutcome:
        self.request_ids.append(request.request_id)
        outcome = gradient_pb2.EvaluateOutcome(request_id=request.request_id)
        if request.evaluation.program == GATED:
            self.entered.set()
            assert self.gate.wait(PATIENCE)
        try:
            outcome.result.CopyFrom(self._result(request.evaluation))
        except Exception as error:  # noqa: BLE001 - the wire form hides what is not ours
            outcome.error.CopyFrom(to_status(error))
        return outcome

    def _result(self, evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
        if self.refusals:
            raise self.refusals.popleft()
        if evaluation.device == evaluation_pb2.DEVICE_CUDA:
            raise DeviceNotServed("no live worker serves cuda")
        return _result(evaluation)


@final
class Running(StandInServer[FakeService]):
    """A fake service with its server, which can be stopped and started on one port."""

    def __init__(self) -> None:
        super().__init__(FakeService(), gradient_pb2_grpc.add_GradientServiceServicer_to_server)


@pytest.fixture
def running() -> Iterator[Running]:
    """A fake service on loopback."""
    server = Running()
    yield server
    server.service.gate.set()
    server.stop()


@pytest.fixture
def server() -> Iterator[JobServer]:
    """A stand-in for the job service, on loopback."""
    server = JobServer()
    yield server
    server.stop()
