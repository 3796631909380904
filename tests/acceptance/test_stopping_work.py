"""Deadlines and cancellation: work that nobody waits for stops using a processor."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import grpc
import psutil
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from tests.acceptance.endless import ENDLESS, MATRIX, MOST_WORK, busy_evaluator
from tests.acceptance.system import System

from pullback.client import AsyncClient, Client, DeadlineExceeded, evaluation
from pullback.v1 import gradient_pb2, gradient_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system with one worker slot, to be kept busy."""
    environment = {**os.environ, **MOST_WORK}
    with System(tmp_path_factory.mktemp("own"), workers=1, environment=environment) as running:
        yield running


def test_a_deadline_stops_the_evaluator(own: System) -> None:
    """The caller gets DEADLINE_EXCEEDED, the process that computed is gone, and the next evaluation is answered."""
    with Client(own.address) as client:
        with pytest.raises(DeadlineExceeded):
            client.evaluate(ENDLESS, x=MATRIX, timeout=2.0)
        assert client.evaluate("y = x**2", x=3.0).value == 9.0


def test_a_cancelled_call_stops_the_evaluator(own: System) -> None:
    """Cancelling the only call kills the process that computes for it, and the next evaluation is answered."""
    with grpc.insecure_channel(own.address) as channel:
        stub = gradient_pb2_grpc.GradientServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        call = stub.Evaluate.future(gradient_pb2.EvaluateRequest(evaluation=evaluation(ENDLESS, x=MATRIX)))
        evaluator = busy_evaluator(own)
        call.cancel()
        gone, _ = psutil.wait_procs([evaluator], timeout=20)
    assert gone
    with Client(own.address) as client:
        assert client.evaluate("y = x**2", x=3.0).value == 9.0


def test_a_cancelled_stream_stops_the_evaluator(own: System) -> None:
    """A caller who leaves a stream leaves no work behind."""

    async def leave_early() -> psutil.Process:
        async with AsyncClient(own.address) as client:
            outcomes = client.evaluate_many([evaluation(ENDLESS, x=MATRIX)])
            first = asyncio.create_task(anext(outcomes))
            evaluator = await asyncio.to_thread(busy_evaluator, own)
            first.cancel()
            await asyncio.wait([first])
            await outcomes.aclose()
            return evaluator

    gone, _ = psutil.wait_procs([asyncio.run(leave_early())], timeout=20)
    assert gone


def test_health_is_answered_while_every_worker_computes(own: System) -> None:
    """The gateway and its service are SERVING with every slot busy."""
    with grpc.insecure_channel(own.address) as channel:
        stub = gradient_pb2_grpc.GradientServiceStub(channel)  # type: ignore[no-untyped-call]  # generated
        call = stub.Evaluate.future(gradient_pb2.EvaluateRequest(evaluation=evaluation(ENDLESS, x=MATRIX)))
        evaluator = busy_evaluator(own)
        health = health_pb2_grpc.HealthStub(channel)
        for service in ("", "pullback.v1.GradientService"):
            answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        assert evaluator.is_running()
        assert not call.done()
        call.cancel()


def test_an_endless_evaluation_does_not_take_its_neighbours_along(own: System) -> None:
    """In one batch with an evaluation that is stopped at its deadline, the others have their answers."""
    good = [evaluation("y = x**2", x=float(value)) for value in range(20)]
    endless = evaluation(ENDLESS, x=MATRIX, timeout=3.0)
    with Client(own.address) as client:
        outcomes = dict(client.evaluate_many([*good[:10], endless, *good[10:]]))
    assert isinstance(outcomes.pop(10), DeadlineExceeded)
    assert [outcome.value for _, outcome in sorted(outcomes.items())] == [float(v) ** 2 for v in range(20)]  # type: ignore[union-attr]  # none failed
