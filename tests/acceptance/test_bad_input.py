"""Whatever is wrong gets a status that tells the caller what to mend, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
import pytest
from google.rpc import code_pb2, error_details_pb2
from grpc_status import rpc_status

from pullback.client import Client, ProgramError, PullbackError, RequestIdReused, evaluation
from pullback.contract.tensors import encode
from pullback.v1 import evaluation_pb2, gradient_pb2, gradient_pb2_grpc, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.rpc.status_pb2 import Status
    from tests.acceptance.system import System

F32 = tensor_pb2.DATA_TYPE_FLOAT32
X = encode(np.array(2.0, np.float32))
VECTOR = encode(np.ones(3, np.float32))


def tensor(dtype: int = F32, shape: tuple[int, ...] = (), data: bytes = b"\0\0\0\0") -> tensor_pb2.Tensor:
    """A tensor message as a careless client might write it."""
    return tensor_pb2.Tensor(dtype=dtype, shape=shape, data=data)  # type: ignore[arg-type]  # on purpose


@pytest.fixture(scope="module")
def stub(system: System) -> Iterator[gradient_pb2_grpc.GradientServiceStub]:
    """A bare stub of the running system."""
    with grpc.insecure_channel(system.address) as channel:
        yield gradient_pb2_grpc.GradientServiceStub(channel)  # type: ignore[no-untyped-call]  # generated


def refusal(stub: gradient_pb2_grpc.GradientServiceStub, **evaluation: object) -> Status:
    """The status that an evaluation is refused with."""
    request = gradient_pb2.EvaluateRequest(
        evaluation=evaluation_pb2.Evaluation(**evaluation)  # type: ignore[arg-type]  # fields by name
    )
    with pytest.raises(grpc.RpcError) as caught:
        stub.Evaluate(request, timeout=30)
    status = rpc_status.from_call(caught.value)
    assert status is not None
    assert "Traceback" not in status.message
    assert "/pullback/" not in status.message
    return status


def field_of(status: Status) -> str:
    """The path in the status' BadRequest."""
    for detail in status.details:
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            return str(bad.field_violations[0].field)
    raise AssertionError(status)


@pytest.mark.parametrize(
    ("program", "place", "caret", "part"),
    [
        ("y = = x", (1, 5), "    y = = x\n        ^", "syntax"),
        ("y = x\nz = nothing + 1", (2, 5), "    z = nothing + 1\n        ^", "nothing"),
        ("y = x\nwhile True: pass", (2, 1), "    while True: pass\n    ^", "while"),
        ("y = torch.sigmod(x)", (1, 5), "    y = torch.sigmod(x)\n        ^", "torch.sigmoid"),
        ("y = x.nothing()", (1, 5), "    y = x.nothing()\n        ^", "nothing"),
        ("y = torch.os.system('true')", (1, 5), "    y = torch.os.system('true')\n        ^", "torch.os"),
        ("y = x.__class__", (1, 5), "    y = x.__class__\n        ^", "__class__"),
        ("y = x / (1 - 1)\nz = 1 // 0", (2, 5), "    z = 1 // 0\n        ^", "zero"),
        ("y = torch.ones(2) @ torch.ones(3)", (1, 5), None, "[2]"),
    ],
)
def test_a_wrong_program_is_shown_with_its_place(
    stub: gradient_pb2_grpc.GradientServiceStub,
    program: str,
    place: tuple[int, int],
    caret: str | None,
    part: str,
) -> None:
    """Line, column and a caret line, with what was found."""
    status = refusal(stub, program=program, inputs={"x": X})
    assert status.code == code_pb2.INVALID_ARGUMENT
    assert field_of(status) == "program"
    assert f"line {place[0]}, column {place[1]}" in status.message
    assert part in status.message
    if caret:
        assert status.message.endswith(caret)


@pytest.mark.parametrize(
    ("inputs", "field", "part"),
    [
        (
            {"w": tensor(shape=(4, 7), data=bytes(96))},
            'inputs["w"].data',
            "96 bytes, but float32[4, 7] needs 112",
        ),
        ({"w": tensor(shape=(-1,))}, 'inputs["w"].shape', "-1"),
        ({"w": tensor(shape=(2**31 - 1,) * 3)}, 'inputs["w"].shape', "elements"),
        ({"w": tensor(shape=(2**62, 2**62))}, 'inputs["w"].shape', "dimension 0"),
        ({"w": tensor(dtype=99)}, 'inputs["w"].dtype', "99"),
        ({"w": tensor(dtype=0)}, 'inputs["w"].dtype', "0"),
        ({"w": tensor(dtype=tensor_pb2.DATA_TYPE_BOOL, data=b"\2")}, 'inputs["w"].data', "bool"),
        ({"torch": X}, 'inputs["torch"]', "reserved"),
        ({"__w": X}, 'inputs["__w"]', "underscore"),
    ],
)
def test_a_wrong_tensor_is_named(
    stub: gradient_pb2_grpc.GradientServiceStub,
    inputs: dict[str, tensor_pb2.Tensor],
    field: str,
    part: str,
) -> None:
    """The path leads to the field, and the text says what it needs."""
    status = refusal(stub, program="y = 1", inputs=inputs)
    assert status.code == code_pb2.INVALID_ARGUMENT
    assert field_of(status) == field
    assert part in status.message


@pytest.mark.parametrize(
    ("evaluation", "field", "part"),
    [
        ({"program": "y = x + w", "inputs": {"x": X}}, "program", "w"),
        ({"program": "y = x", "inputs": {"x": X}, "outputs": ["z"]}, "outputs[0]", "z"),
        ({"program": "y = x", "inputs": {"x": X}, "wrt": ["q"]}, "wrt[0]", "q"),
        ({"program": "y = x**2", "inputs": {"x": VECTOR}}, "outputs", "cotangent"),
        ({"program": "y = x**2", "inputs": {"x": encode(np.array(3))}}, "outputs", "requires a gradient"),
        (
            {"program": "y = x**2", "inputs": {"x": VECTOR}, "cotangents": {"y": X}},
            'cotangents["y"]',
            "float32[3]",
        ),
    ],
)
def test_a_derivative_that_cannot_be_had_says_why(
    stub: gradient_pb2_grpc.GradientServiceStub, evaluation: dict[str, object], field: str, part: str
) -> None:
    """Missing inputs and outputs, non-scalar outputs without a cotangent, and nothing to differentiate."""
    status = refusal(stub, **evaluation)
    assert status.code == code_pb2.INVALID_ARGUMENT
    assert field_of(status).startswith(field)
    assert part in status.message


def test_one_bad_evaluation_does_not_end_a_stream(system: System) -> None:
    """Between good ones, the bad one's outcome is an error, and the good ones have their values."""
    good = [evaluation("y = x**2", x=float(value)) for value in range(5)]
    bad = evaluation("y = x +", x=1.0)
    with Client(system.address) as client:
        outcomes = dict(client.evaluate_many([*good[:2], bad, *good[2:]]))
    error = outcomes.pop(2)
    assert isinstance(error, ProgramError)
    values = [
        outcome.value for _, outcome in sorted(outcomes.items()) if not isinstance(outcome, PullbackError)
    ]
    assert values == [0.0, 1.0, 4.0, 9.0, 16.0]


def test_a_request_id_belongs_to_one_evaluation(system: System) -> None:
    """Used again for the same it gives the same answer; for another it is ALREADY_EXISTS."""
    with Client(system.address) as client:
        first = client.evaluate("y = x**2", x=3.0, request_id="mine")
        again = client.evaluate("y = x**2", x=3.0, request_id="mine")
        assert again.timings == first.timings
        with pytest.raises(RequestIdReused):
            client.evaluate("y = x**2", x=4.0, request_id="mine")


def test_bytes_that_are_no_message_are_the_callers_fault(system: System) -> None:
    """Garbled bytes, on a call and on a stream, are INVALID_ARGUMENT, and the service goes on."""
    service = "/pullback.v1.GradientService/"
    channel: Any
    with grpc.insecure_channel(system.address) as channel:
        calls: list[Callable[[], object]] = [
            lambda: channel.unary_unary(f"{service}Evaluate")(b"\xff\xff", timeout=30),
            lambda: list(channel.stream_stream(f"{service}EvaluateStream")(iter([b"\xff\xff"]), timeout=30)),
            lambda: channel.unary_unary(f"{service}CheckProgram")(b"\xff\xff", timeout=30),
        ]
        for call in calls:
            with pytest.raises(grpc.RpcError) as caught:
                call()
            status = rpc_status.from_call(caught.value)
            assert status is not None
            assert status.code == code_pb2.INVALID_ARGUMENT
            assert "the bytes are not a pullback.v1." in status.message
    with Client(system.address) as client:
        assert client.evaluate("y = x**2", x=3.0).value == 9.0
