from __future__ import annotations

import pytest

from pullback.gateway.descents.legs import LONE_STATE_BYTES, SMALL_STATE_BYTES, STATE_SECONDS, Legs
from pullback.v1 import descent_pb2 as pb
from pullback.v1 import evaluation_pb2, tensor_pb2
from pullback.v1 import optimization_pb2 as opb


def request(**stop: object) -> pb.DescendRequest:
    """Makes a descent of one parameter."""
    asked = pb.DescendRequest()
    asked.evaluation.program = "y = x**2"
    asked.evaluation.inputs["x"].CopyFrom(tensor(b"\0\0\0\0"))
    asked.plan.optimizer.sgd.SetInParent()
    asked.plan.stop.CopyFrom(opb.Stop(steps=100, **stop))  # type: ignore[arg-type]
    return asked


def tensor(data: bytes) -> tensor_pb2.Tensor:
    """Makes a 0-d float32 of some bytes, or of as many as are to be carried."""
    return tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT32, data=data)


def result(step: int, *, end: int = 0, kept: int = 0, points: int = 0) -> evaluation_pb2.Result:
    """Makes what a leg comes to."""
    made = evaluation_pb2.Result(worker="w")
    leg = made.descent_leg
    leg.state.step = step
    leg.state.parameters["x"].CopyFrom(tensor(step.to_bytes(4, "little")))
    leg.state.tensors["x.momentum_buffer"].CopyFrom(tensor(bytes(kept)))
    leg.end = end  # type: ignore[assignment]
    for at in range(step - points + 1, step + 1):
        leg.points.add(step=at)
    return made


def test_a_leg_begins_where_the_last_one_ended() -> None:
    """Its parameters are among the inputs, and what the optimiser keeps is in the leg, once each."""
    legs = Legs(request(), 0.0)
    first = legs.next(0.0)
    assert [*first.wrt] == ["x"]
    assert not first.descent_leg.HasField("state")
    (response,) = legs.responses(result(7, kept=4), 1.0)
    assert response.state.parameters["x"].data == b"\7\0\0\0"
    following = legs.next(1.0)
    assert following.inputs["x"].data == b"\7\0\0\0"
    assert following.descent_leg.state.step == 7
    assert not following.descent_leg.state.parameters
    assert following.descent_leg.state.tensors["x.momentum_buffer"].data == bytes(4)


def test_one_that_goes_on_begins_with_its_state() -> None:
    """With the state's parameters in place of the inputs'."""
    asked = request()
    asked.state.CopyFrom(result(40).descent_leg.state)
    leg = Legs(asked, 0.0).next(0.0)
    assert leg.inputs["x"].data == (40).to_bytes(4, "little")
    assert leg.descent_leg.state.step == 40


def test_a_big_state_is_told_now_and_then() -> None:
    """A small one with each leg; where nothing is to be told, nothing is."""
    legs = Legs(request(), 0.0)
    legs.next(0.0)
    assert [each.HasField("state") for each in legs.responses(result(1, kept=8), 0.1)] == [True]
    assert not [*legs.responses(result(2, kept=SMALL_STATE_BYTES), 0.2)]
    (response,) = legs.responses(result(3, kept=SMALL_STATE_BYTES, points=1), 0.3)
    assert not response.HasField("state")
    (response,) = legs.responses(result(4, kept=SMALL_STATE_BYTES), 0.3 + STATE_SECONDS)
    assert response.state.step == 4


def test_a_call_that_fails_leaves_its_caller_with_the_last_state() -> None:
    """Which is told before, unless it was told already."""
    legs = Legs(request(), 0.0)
    legs.next(0.0)
    assert not [*legs.untold()]
    assert not [*legs.responses(result(2, kept=SMALL_STATE_BYTES), 0.2)]
    assert [response.state.step for response in legs.untold()] == [2]
    assert not [*legs.untold()]


@pytest.mark.parametrize("kept", [8, LONE_STATE_BYTES])
def test_the_end_is_told_with_its_state_or_behind_it(kept: int) -> None:
    """The last response has outcome, point and result, without the leg; a big state goes ahead."""
    legs = Legs(request(), 0.0)
    legs.next(0.0)
    responses = [*legs.responses(result(9, end=opb.DESCENT_END_LOSS_TARGET, kept=kept, points=2), 0.1)]
    last = responses[-1]
    assert len(responses) == 1 + (kept == LONE_STATE_BYTES)
    assert responses[0].state.step == 9
    assert [point.step for point in last.points] == [8, 9]
    assert (last.outcome.end, last.outcome.point.step) == (opb.DESCENT_END_LOSS_TARGET, 9)
    assert last.outcome.result.worker == "w"
    assert not last.outcome.result.HasField("descent_leg")
    assert not [*legs.untold()]


def test_the_leg_behind_the_time_is_the_last() -> None:
    """And none before."""
    asked = request()
    asked.plan.stop.time.FromSeconds(5)
    legs = Legs(asked, 100.0)
    assert not legs.next(104.9).descent_leg.is_last
    assert legs.next(105.0).descent_leg.is_last
