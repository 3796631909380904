"""What a gateway counts: its calls by status, evaluations by outcome, and the queue while it is known."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2

from pullback.broker import Backlog
from pullback.contract.errors import DeviceNotServed, InvalidArgument, ProgramError
from pullback.contract.status import to_status
from pullback.gateway.meters import Meters
from pullback.v1 import evaluation_pb2
from pullback.v1 import gradient_pb2 as pb


class Context:
    """A call's context, as far as it is asked."""

    def code(self) -> grpc.StatusCode:
        """Gives what the call was aborted with."""
        return grpc.StatusCode.INVALID_ARGUMENT


class Servicer:
    """Answers, or does not."""

    async def Evaluate(self, request: str, _context: Any) -> str:  # noqa: N802 - an RPC's name
        """Does what the request says."""
        if request == "abort":
            raise grpc.aio.AbortError
        if request == "leave":
            raise asyncio.CancelledError
        return request

    async def EvaluateStream(self, request: int, _context: Any) -> Any:  # noqa: N802 - an RPC's name
        """Gives some numbers."""
        for number in range(request):
            yield number


def _value(meters: Meters, name: str, **labels: str) -> float | None:
    return meters.registry.get_sample_value(name, labels)


async def test_calls_are_counted_by_how_they_ended() -> None:
    """One that answered, one that was refused, one whose caller left, and a stream."""
    meters = Meters()
    watched = meters.watched(Servicer(), "S")
    assert await watched.Evaluate("x", Context()) == "x"
    with pytest.raises(grpc.aio.AbortError):
        await watched.Evaluate("abort", Context())
    with pytest.raises(asyncio.CancelledError):
        await watched.Evaluate("leave", Context())
    assert [number async for number in watched.EvaluateStream(3, Context())] == [0, 1, 2]
    counts = {
        (method, code): _value(meters, "pullback_gateway_calls_total", service="S", method=method, code=code)
        for method, code in (
            ("Evaluate", "OK"), ("Evaluate", "INVALID_ARGUMENT"), ("Evaluate", "CANCELLED"), ("EvaluateStream", "OK"),
        )
    }  # fmt: skip
    assert set(counts.values()) == {1.0}
    assert _value(meters, "pullback_gateway_call_seconds_count", service="S", method="Evaluate") == 3


def test_evaluations_are_counted_by_status() -> None:
    """Results and errors in their wire form, and errors of the gateway's own."""
    meters = Meters()
    result = pb.EvaluateOutcome(result=evaluation_pb2.Result(printed="x")).SerializeToString()
    failed = pb.EvaluateOutcome(error=to_status(ProgramError("wrong"))).SerializeToString()
    for outcome in (result, result, failed, InvalidArgument("no"), DeviceNotServed("nobody")):
        meters.told(outcome)
    served = code_pb2.Code.Name(to_status(DeviceNotServed("nobody")).code)
    expected = {"OK": 2, "INVALID_ARGUMENT": 2, served: 1}
    for code, count in expected.items():
        assert _value(meters, "pullback_gateway_evaluations_total", code=code) == count


def test_what_nobody_is_there_for_is_counted_by_device() -> None:
    """One without a wish counts for the first class."""
    meters = Meters()
    for number in (0, 1, 2, 2):
        meters.unserved(number)
    assert _value(meters, "pullback_gateway_unserved_total", device="cpu") == 2
    assert _value(meters, "pullback_gateway_unserved_total", device="cuda") == 2


def test_the_queue_is_told_only_while_it_is_known() -> None:
    """Once Redis does not answer, no figure stands for it."""
    meters = Meters()
    meters.learn("cpu", Backlog(3, 1.5, 7, 60.0, 2, 4))
    assert _value(meters, "pullback_queue_jobs", device="cpu", priority="interactive") == 3
    assert _value(meters, "pullback_queue_jobs", device="cpu", priority="submitted") == 7
    assert _value(meters, "pullback_queue_oldest_seconds", device="cpu", priority="submitted") == 60
    assert _value(meters, "pullback_queue_running_jobs", device="cpu") == 2
    assert _value(meters, "pullback_worker_slots_alive", device="cpu") == 4
    meters.forget()
    assert _value(meters, "pullback_queue_jobs", device="cpu", priority="interactive") is None
    assert _value(meters, "pullback_worker_slots_alive", device="cpu") is None
