from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pullback.client import (
    Artifact,
    Client,
    DeviceNotServed,
    Evaluated,
    InvalidArgument,
    LimitExceeded,
    Overloaded,
    ProgramError,
    Stopping,
    Unreachable,
    evaluation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.client.conftest import Running

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# Seconds after which a test that waits has failed.
PATIENCE = 30.0


@pytest.fixture
def client(running: Running) -> Iterator[Client]:
    """A client of the fake service."""
    with Client(running.address) as client:
        yield client


def test_the_readmes_example_holds(client: Client) -> None:
    """Value 63 and gradient 93, and no graph unless it is asked for."""
    evaluated = client.evaluate(QUARTIC, x=2.0)
    assert evaluated.value == 63.0
    assert evaluated.values["y"] == 63.0
    assert evaluated.gradients["x"] == 93.0
    assert evaluated.gradient == 93.0
    assert evaluated.graph is None


def test_switches_reach_the_service(client: Client) -> None:
    """Without a derivative there are no gradients; with a graph there is one."""
    assert client.evaluate(QUARTIC, x=2.0, value_only=True).gradients == {}
    graph = client.evaluate(QUARTIC, x=2.0, return_graph=True).graph
    assert graph is not None
    assert [node.name for node in graph.nodes] == ["MulBackward0", "AccumulateGrad"]


def test_an_export_is_asked_for_by_its_format(client: Client, tmp_path: Path) -> None:
    """A call brings the file's bytes with its names and versions, for values alone, and writes them."""
    artifact = client.export(QUARTIC, x=2.0, outputs="y")
    assert artifact == Artifact("onnx", b"value_only ['y']", {"torch": "1.0"}, ("x",), ("y",))
    artifact.write(tmp_path / "model.onnx")
    assert (tmp_path / "model.onnx").read_bytes() == artifact.data
    assert client.export(QUARTIC, {"x": 2.0}, format="torch_export").format == "torch_export"
    assert client.evaluate(QUARTIC, x=2.0).artifact is None
    with pytest.raises(InvalidArgument, match="format: 'pt2' is none of onnx, torch_export"):
        client.export(QUARTIC, x=2.0, format="pt2")  # type: ignore[arg-type]  # wrong on purpose


def test_an_array_as_big_as_a_message_may_be_goes_there_and_back(client: Client) -> None:
    """32 MiB of float64, twice in the answer, pass gRPC's limits."""
    array = np.arange(2**22, dtype=np.float64)
    evaluated = client.evaluate("echo", a=array)
    assert np.array_equal(evaluated.values["a"], array)
    assert np.array_equal(evaluated.gradients["a"], array)


def test_a_message_that_is_too_long_is_refused_here(client: Client) -> None:
    """GRPC's own limit is reported as one of ours, and not tried again."""
    with pytest.raises(LimitExceeded):
        client.evaluate("echo", a=np.zeros(81 * 2**20, np.uint8))


def test_the_services_errors_are_raised(client: Client) -> None:
    """With class, field and message, in one try."""
    with pytest.raises(ProgramError, match="line 1, column 5") as caught:
        client.evaluate("y = nope")
    assert caught.value.field == "program"
    with pytest.raises(DeviceNotServed):
        client.evaluate(QUARTIC, x=2.0, device="cuda")


def test_a_full_or_stopping_service_is_tried_again(client: Client, running: Running) -> None:
    """Under one request id, until it answers."""
    running.service.refusals.extend(
        [Overloaded("full", retry_seconds=0.01), Stopping("bye", retry_seconds=0.01)]
    )
    assert client.evaluate(QUARTIC, x=2.0).value == 63.0
    assert len(running.service.request_ids) == 3
    assert len(set(running.service.request_ids)) == 1


def test_a_service_that_is_replaced_during_a_call_goes_unnoticed(client: Client, running: Running) -> None:
    """The call that broke is made again, under the same request id, once the service is back."""
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(client.evaluate, "gated", x=2.0, request_id="mine")
        assert running.service.entered.wait(PATIENCE)
        running.stop()
        running.service.gate.set()
        running.start()
        assert call.result(PATIENCE).value == 2.0
    assert set(running.service.request_ids) == {"mine"}
    assert len(running.service.request_ids) == 2


def test_a_service_that_is_not_there_is_an_error_that_says_where(running: Running) -> None:
    """After the time for retries the address is named."""
    running.stop()
    with Client(running.address, retry_for=0.0) as client, pytest.raises(Unreachable, match=running.address):
        client.evaluate(QUARTIC, x=2.0)


def test_a_program_is_checked(client: Client) -> None:
    """A fault is an answer, not an error."""
    assert client.check(QUARTIC).inputs == ("x",)
    assert client.check("y = nope").diagnostics[0].column == 5


def test_many_are_evaluated_over_one_stream(client: Client) -> None:
    """Each index comes once, with its own value or its own error."""
    requests = [evaluation(QUARTIC if number % 5 else "nope", x=float(number)) for number in range(1, 1001)]
    outcomes = dict(client.evaluate_many(requests, batch=64, in_flight=256))
    assert sorted(outcomes) == list(range(1000))
    for index, outcome in outcomes.items():
        x = index + 1
        if x % 5:
            assert isinstance(outcome, Evaluated)
            assert outcome.gradient == np.float32(8 * x**3 + 3 * x**2 + 6 * x + 5)
        else:
            assert isinstance(outcome, ProgramError)


def test_none_are_evaluated_in_no_time(running: Running) -> None:
    """An empty iterable needs no service."""
    running.stop()
    with Client(running.address) as client:
        assert list(client.evaluate_many([])) == []


def test_a_stream_that_breaks_is_opened_again(client: Client, running: Running) -> None:
    """What has no outcome is sent again, under the same request ids, and what has one is not."""
    running.service.breaks.extend([2, 0, 1])
    requests = [evaluation(QUARTIC, x=float(number)) for number in range(100)]
    outcomes = list(client.evaluate_many(requests, batch=10, in_flight=50, run_id="run"))
    assert sorted(index for index, _ in outcomes) == list(range(100))
    assert all(isinstance(outcome, Evaluated) for _, outcome in outcomes)
    assert set(running.service.request_ids) == {f"run:{index}" for index in range(100)}


def test_refused_evaluations_are_sent_again_on_the_stream(client: Client, running: Running) -> None:
    """A full service delays outcomes and loses none."""
    running.service.refusals.extend(Overloaded("full", retry_seconds=0.01) for _ in range(7))
    outcomes = dict(client.evaluate_many([evaluation(QUARTIC, x=1.0)] * 20, batch=4))
    assert sorted(outcomes) == list(range(20))
    assert all(isinstance(outcome, Evaluated) for outcome in outcomes.values())
    assert len(running.service.request_ids) == 27


def test_a_loop_that_is_left_ends_the_stream(client: Client, running: Running) -> None:
    """Closing the iterator cancels what is under way and leaves the client usable."""
    outcomes = client.evaluate_many([evaluation(QUARTIC, x=1.0)] * 100, batch=1, in_flight=2)
    next(iter(outcomes))
    outcomes.close()
    assert len(running.service.request_ids) < 100
    assert client.evaluate(QUARTIC, x=2.0).value == 63.0


def test_an_error_of_the_callers_own_reaches_the_caller(client: Client) -> None:
    """What the iterable raises comes out of the loop as it is."""

    def source() -> Iterator[object]:
        yield evaluation(QUARTIC, x=1.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(client.evaluate_many(source()))  # type: ignore[arg-type]
