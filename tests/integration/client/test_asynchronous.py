from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pullback.client import (
    Artifact,
    AsyncClient,
    Evaluated,
    Overloaded,
    ProgramError,
    Stopping,
    Unreachable,
    evaluation,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.integration.client.conftest import Running

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# Seconds after which a test that waits has failed.
PATIENCE = 30.0


@pytest.fixture
async def client(running: Running) -> AsyncIterator[AsyncClient]:
    """A client of the fake service."""
    async with AsyncClient(running.address) as client:
        yield client


async def test_an_export_is_asked_for_by_its_format(client: AsyncClient) -> None:
    """A call brings the file's bytes, with its names and versions."""
    artifact = await client.export(QUARTIC, x=2.0, format="torch_export")
    assert artifact == Artifact("torch_export", b"value_only []", {"torch": "1.0"}, ("x",), ("y",))


async def test_the_readmes_example_holds(client: AsyncClient) -> None:
    """Value 63 and gradient 93."""
    evaluated = await client.evaluate(QUARTIC, x=2.0)
    assert evaluated.value == 63.0
    assert evaluated.gradients["x"] == 93.0


async def test_calls_run_at_once(client: AsyncClient) -> None:
    """Many calls of one client are answered, each with its own."""
    results = await asyncio.gather(*(client.evaluate("echo", x=float(number)) for number in range(50)))
    assert [float(result.value) for result in results] == list(range(50))


async def test_the_services_errors_are_raised(client: AsyncClient) -> None:
    """With class, field and message."""
    with pytest.raises(ProgramError, match="line 1, column 5"):
        await client.evaluate("y = nope")


async def test_a_full_or_stopping_service_is_tried_again(client: AsyncClient, running: Running) -> None:
    """Under one request id, until it answers."""
    running.service.refusals.extend(
        [Overloaded("full", retry_seconds=0.01), Stopping("bye", retry_seconds=0.01)]
    )
    assert (await client.evaluate(QUARTIC, x=2.0)).value == 63.0
    assert len(running.service.request_ids) == 3
    assert len(set(running.service.request_ids)) == 1


async def test_a_service_that_is_replaced_during_a_call_goes_unnoticed(
    client: AsyncClient, running: Running
) -> None:
    """The call that broke is made again, under the same request id, once the service is back."""
    call = asyncio.create_task(client.evaluate("gated", x=2.0, request_id="mine"))
    assert await asyncio.to_thread(running.service.entered.wait, PATIENCE)
    await asyncio.to_thread(running.stop)
    running.service.gate.set()
    running.start()
    assert (await asyncio.wait_for(call, PATIENCE)).value == 2.0
    assert set(running.service.request_ids) == {"mine"}


async def test_a_task_that_is_cancelled_gives_its_call_up(client: AsyncClient, running: Running) -> None:
    """Cancelling is not an error of the service's and is not tried again."""
    call = asyncio.create_task(client.evaluate("gated", x=2.0))
    assert await asyncio.to_thread(running.service.entered.wait, PATIENCE)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(running.service.request_ids) == 1


async def test_a_service_that_is_not_there_is_an_error_that_says_where(running: Running) -> None:
    """After the time for retries the address is named."""
    running.stop()
    async with AsyncClient(running.address, retry_for=0.0) as client:
        with pytest.raises(Unreachable, match=running.address):
            await client.evaluate(QUARTIC, x=2.0)


async def test_a_program_is_checked(client: AsyncClient) -> None:
    """A fault is an answer, not an error."""
    assert (await client.check(QUARTIC)).inputs == ("x",)
    assert (await client.check("y = nope")).diagnostics[0].column == 5


async def test_many_are_evaluated_over_one_stream(client: AsyncClient) -> None:
    """Each index comes once, with its own value or its own error."""
    requests = [evaluation(QUARTIC if number % 5 else "nope", x=float(number)) for number in range(1, 501)]
    outcomes = {
        index: outcome async for index, outcome in client.evaluate_many(requests, batch=64, in_flight=128)
    }
    assert sorted(outcomes) == list(range(500))
    for index, outcome in outcomes.items():
        x = index + 1
        if x % 5:
            assert isinstance(outcome, Evaluated)
            assert outcome.gradient == np.float32(8 * x**3 + 3 * x**2 + 6 * x + 5)
        else:
            assert isinstance(outcome, ProgramError)


async def test_a_stream_that_breaks_is_opened_again(client: AsyncClient, running: Running) -> None:
    """What has no outcome is sent again, under the same request ids, and a refusal delays only."""
    running.service.breaks.extend([2, 0, 1])
    running.service.refusals.extend(Overloaded("full", retry_seconds=0.01) for _ in range(7))
    requests = [evaluation(QUARTIC, x=float(number)) for number in range(100)]
    outcomes = [pair async for pair in client.evaluate_many(requests, batch=10, in_flight=50, run_id="run")]
    assert sorted(index for index, _ in outcomes) == list(range(100))
    assert all(isinstance(outcome, Evaluated) for _, outcome in outcomes)
    assert set(running.service.request_ids) == {f"run:{index}" for index in range(100)}


async def test_a_loop_that_is_left_ends_the_stream(client: AsyncClient, running: Running) -> None:
    """Closing the iterator cancels what is under way and leaves the client usable."""
    async with aclosing(
        client.evaluate_many([evaluation(QUARTIC, x=1.0)] * 100, batch=1, in_flight=2)
    ) as outcomes:
        await anext(outcomes)
    assert len(running.service.request_ids) < 100
    assert (await client.evaluate(QUARTIC, x=2.0)).value == 63.0
