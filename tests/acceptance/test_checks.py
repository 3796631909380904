"""The check of a program over gRPC, with a worker's estimates where inputs are described."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import numpy as np
import pytest

from pullback.client import Client, InvalidArgument, LimitExceeded, Spec, evaluation
from pullback.v1 import gradient_pb2, gradient_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.system import System

PROGRAM = "y = (x @ w).sigmoid().mean()"


@pytest.fixture(scope="module")
def client(system: System) -> Iterator[Client]:
    """A client of the running system."""
    with Client(system.address) as client:
        yield client


def test_shapes_and_estimates_come_from_a_description_of_the_inputs(client: Client) -> None:
    """A value is described by its type and shape; nothing else of it is needed."""
    checked = client.check(PROGRAM, inputs={"x": Spec("float64", (32, 8)), "w": np.zeros((8, 4))})
    assert checked.diagnostics == ()
    found = checked.estimates
    assert found is not None
    assert found.values == {"y": Spec("float64")}
    assert found.gradients == {"x": Spec("float64", (32, 8)), "w": Spec("float64", (8, 4))}
    assert found.work >= 3 * 32 * 8 * 4  # the product, and one for each of its operands
    assert found.live_bytes >= 8 * (32 * 8 + 8 * 4 + 32 * 4)


def test_without_inputs_a_check_has_no_estimates(client: Client) -> None:
    """It is answered by the gateway alone."""
    checked = client.check(PROGRAM)
    assert checked.inputs == ("x", "w")
    assert checked.estimates is None


def test_what_an_evaluation_would_be_refused_for_is_found_by_a_check(client: Client) -> None:
    """Shapes that do not fit, and a limit that would be passed, are faults with their place."""
    (fault,) = client.check(
        PROGRAM, inputs={"x": Spec("float32", (2, 3)), "w": Spec("float32", (2, 3))}
    ).diagnostics
    assert (fault.line, fault.column, fault.reason) == (1, 6, "INVALID_PROGRAM")
    assert fault.caret_line == "     ^"
    bomb = "y = (x @ x.T).sum()"
    (fault,) = client.check(bomb, inputs={"x": Spec("float32", (4096, 4096))}).diagnostics
    assert (fault.line, fault.column, fault.reason) == (1, 6, "LIMIT_EXCEEDED")
    with pytest.raises(LimitExceeded):
        client.evaluate(bomb, x=np.zeros((4096, 4096), np.float16))


def test_where_elements_decide_a_check_says_so(client: Client) -> None:
    """The program has no fault, and no estimates either."""
    checked = client.check("y = x[x > 0].sum()", inputs={"x": Spec("float32", (5,))})
    assert checked.diagnostics == ()
    assert checked.estimates is None
    assert checked.not_estimated is not None
    assert (checked.not_estimated.column, checked.not_estimated.reason) == (5, "")


def test_what_describes_no_tensor_is_refused_by_its_field(client: Client) -> None:
    """Names that do not go together, and sizes that no tensor has."""
    with pytest.raises(InvalidArgument) as caught:
        client.check(PROGRAM, inputs={"x": Spec("float32", (-1,)), "w": Spec("float32")})
    assert caught.value.field == 'input_specs["x"].shape'
    with pytest.raises(LimitExceeded):
        client.check("y = x.sum()", inputs={"x": Spec("float64", (2**24,))})


def test_a_client_cannot_ask_for_a_dry_run_of_its_own(system: System) -> None:
    """The field is the service's; an evaluation that has it is refused, whether or not its like has passed before."""
    request = gradient_pb2.EvaluateRequest(evaluation=evaluation("y = x.sum()", x=[1.0, 2.0]))
    with grpc.insecure_channel(system.address) as channel:
        stub = gradient_pb2_grpc.GradientServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        assert stub.Evaluate(request, timeout=30).result.values
        request.evaluation.dry_run = True
        with pytest.raises(grpc.RpcError) as caught:
            stub.Evaluate(request, timeout=30)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
