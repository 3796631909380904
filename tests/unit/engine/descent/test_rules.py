"""Stopping rules, bounds, mini-batches, progress, and states from outside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import torch
from tests.unit.engine.descent.walking import (
    OPTIMIZERS,
    ROSENBROCK,
    in_legs,
    leg,
    losses,
    parameter,
    plan_of,
)

from pullback.contract.errors import InvalidArgument
from pullback.engine.wire import read, write
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.engine.conftest import Lab

FAST = pb.Optimizer(sgd=pb.Sgd(learning_rate=0.25))


def double(*values: float) -> torch.Tensor:
    """Gives a vector."""
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("rules", "end", "steps"),
    [
        # (x - 1)**2 with steps of a quarter: the distance halves, from 8.
        ({"loss_target": 1.0}, pb.DESCENT_END_LOSS_TARGET, 3),
        ({"gradient_tolerance": 0.5}, pb.DESCENT_END_GRADIENT_TOLERANCE, 5),
        # 1 to 1/4 is a change of 3/4, then 3/16.
        ({"loss_tolerance": 0.5}, pb.DESCENT_END_LOSS_TOLERANCE, 5),
        ({}, pb.DESCENT_END_STEPS, 9),
        ({"loss_target": 1.0, "gradient_tolerance": 100.0}, pb.DESCENT_END_GRADIENT_TOLERANCE, 0),
    ],
)
def test_each_rule_ends_a_descent(lab: Lab, rules: dict[str, float], end: int, steps: int) -> None:
    """At the step at which arithmetic says so, however it is cut."""
    evaluation = lab.build("y = (x - 1)**2", {"x": double(9.0)[0]})
    for cuts in ([], [1] * steps, [2, 2, 2, 2]):
        result, points = in_legs(lab, evaluation, plan_of(FAST, 9, **rules), cuts)
        assert result.descent_leg.end == end
        assert points[-1].step == steps
        assert [point.loss for point in points] == [64 / 4**step for step in range(steps + 1)]


def test_the_last_leg_makes_no_step(lab: Lab) -> None:
    """Where time is over it tells how things are."""
    evaluation = lab.build("y = (x - 1)**2", {"x": double(9.0)[0]})
    begun = leg(lab, evaluation, plan_of(FAST, 9), steps=2)
    evaluation.descent_leg.is_last = True
    ended = leg(lab, evaluation, plan_of(FAST, 9), begun.descent_leg.state)
    assert ended.descent_leg.end == pb.DESCENT_END_TIME
    assert [(point.step, point.loss) for point in ended.descent_leg.points] == [(2, 4.0)]
    assert ended.descent_leg.state.parameters == begun.descent_leg.state.parameters


def test_points_come_at_the_interval_and_at_the_end(lab: Lab) -> None:
    """With the parameters that are watched, and no others."""
    evaluation = lab.build("y = (x - 1)**2 + z**2", {"x": double(9.0)[0], "z": double(0.0)[0]})
    result = leg(lab, evaluation, plan_of(FAST, 7, progress_interval=3, watched=["x"]))
    points = result.descent_leg.points
    assert [point.step for point in points] == [0, 3, 6, 7]
    assert [read(point.parameters["x"]).item() for point in points] == [9, 2, 1.125, 1.0625]
    assert all([*point.parameters] == ["x"] for point in points)


@pytest.mark.parametrize("shaped", [True, False])
def test_bounds_keep_parameters_inside(lab: Lab, *, shaped: bool) -> None:
    """The least point of a bowl outside the box is the box's nearest one, where the gradient that counts is 0."""
    plan = plan_of(FAST, 100, gradient_tolerance=1e-9)
    lower, upper = (double(-1.0, -1.0), double(1.0, 1.0)) if shaped else (double(-1.0), double(1.0)[0])
    plan.bounds["x"].lower.CopyFrom(write(lower))
    plan.bounds["x"].upper.CopyFrom(write(upper))
    evaluation = lab.build("y = ((x - torch.tensor([3.0, 0.5]))**2).sum()", {"x": double(0.0, 5.0)})
    result = leg(lab, evaluation, plan)
    assert torch.allclose(parameter(result), double(1.0, 0.5))
    assert result.descent_leg.end == pb.DESCENT_END_GRADIENT_TOLERANCE
    # The start is projected too.
    assert losses(result)[0] == 9 + 0.25


def _torch_batches(x: torch.Tensor, rows: torch.Tensor, plan: pb.MiniBatches, steps: int) -> list[float]:
    found: list[float] = []
    epoch = 0
    while len(found) <= steps:
        generator = torch.Generator().manual_seed(plan.seed + epoch)
        order = torch.arange(len(rows)) if plan.in_order else torch.randperm(len(rows), generator=generator)
        for chosen in torch.split(order, plan.size):
            if plan.drop_last and len(chosen) < plan.size:
                continue
            part = rows[chosen].requires_grad_(False)
            loss = ((part @ x - 1) ** 2).mean()
            found.append(loss.item())
            (gradient,) = torch.autograd.grad(loss, x)
            with torch.no_grad():
                x.add_(gradient, alpha=-1e-3)
        epoch += 1
    return found[: steps + 1]


@pytest.mark.parametrize(
    "batches",
    [
        pb.MiniBatches(inputs=["rows"], size=4, seed=11),
        pb.MiniBatches(inputs=["rows"], size=4, seed=11, drop_last=True),
        pb.MiniBatches(inputs=["rows"], size=3, in_order=True),
        pb.MiniBatches(inputs=["rows"], size=10),
    ],
    ids=["short last", "dropped last", "in order", "all"],
)
def test_mini_batches_are_those_that_the_page_says(lab: Lab, batches: pb.MiniBatches) -> None:
    """Each epoch has torch's own random order, and a cut changes nothing."""
    rows = torch.rand(10, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = double(0.0, 0.0, 0.0).requires_grad_()
    expected = _torch_batches(x, rows, batches, 40)
    evaluation = lab.build("y = ((rows @ x - 1)**2).mean()", {"rows": rows, "x": double(0.0, 0.0, 0.0)})
    plan = plan_of(steps=40, mini_batches=batches)
    result, points = in_legs(lab, evaluation, plan, [])
    assert [point.loss for point in points] == expected
    assert in_legs(lab, evaluation, plan, [1, 9, 9, 20])[1] == points
    assert "rows" not in result.descent_leg.state.parameters


def _with(state: pb.DescentState, key: str, tensor: torch.Tensor) -> pb.DescentState:
    other = pb.DescentState()
    other.CopyFrom(state)
    other.tensors[key].CopyFrom(write(tensor))
    return other


def _without(state: pb.DescentState, key: str) -> pb.DescentState:
    other = pb.DescentState()
    other.CopyFrom(state)
    other.tensors.pop(key, None)
    other.numbers.pop(key, None)
    return other


def _with_number(state: pb.DescentState, key: str, number: float) -> pb.DescentState:
    other = pb.DescentState()
    other.CopyFrom(state)
    other.numbers[key] = number
    return other


def _wrong_states(state: pb.DescentState, name: str) -> Iterator[pb.DescentState]:
    yield _with(state, "x.other", double(1.0))
    yield _with_number(state, "other", 1.0)
    for key in [*state.tensors]:
        yield _with(state, key, torch.zeros(3))
        yield _with(state, key, double(1.0, 2.0, 3.0))
        # Without its only tensor, a parameter is one that had no gradient. An older step of L-BFGS may be forgotten.
        is_list = re.search(r"\.\d+$", key)
        if name != "momentum" and not is_list:
            yield _without(state, key)
    for key in [*state.numbers]:
        yield _without(state, key)
    for key in ("schedule.last_epoch", "schedule.step_count"):
        yield _with_number(state, key, 1.5)


@pytest.mark.parametrize("name", ["momentum", "amsgrad", "rmsprop", "adagrad", "strong_wolfe"])
def test_a_state_that_is_none_is_refused(lab: Lab, name: str) -> None:
    """Every tensor and number of it missing, of another shape, of another type, and one too many."""
    evaluation = lab.build(ROSENBROCK, {"x": double(-1.2, 1.0)})
    plan = plan_of(OPTIMIZERS[name][0], 20, schedule=pb.Schedule(step=pb.StepSchedule(step_size=5)))
    state = leg(lab, evaluation, plan, steps=6).descent_leg.state
    leg(lab, evaluation, plan, state)
    for each in _wrong_states(state, name):
        with pytest.raises(InvalidArgument) as caught:
            leg(lab, evaluation, plan, each)
        assert caught.value.field.startswith(("state.tensors", "state.numbers"))


@pytest.mark.parametrize(
    "plan",
    [
        plan_of(pb.Optimizer(sgd=pb.Sgd(learning_rate=1e308)), 30),
        plan_of(pb.Optimizer(sgd=pb.Sgd(momentum=1e308, dampening=-1e308)), 30),
        plan_of(pb.Optimizer(lbfgs=pb.Lbfgs(learning_rate=1e300)), 30),
        plan_of(steps=30, schedule=pb.Schedule(exponential=pb.ExponentialSchedule(gamma=1e300))),
    ],
    ids=["rate", "momentum", "lbfgs", "schedule"],
)
def test_numbers_that_lead_nowhere_are_the_plans_fault(lab: Lab, plan: pb.OptimizationPlan) -> None:
    """Each is within its range; in single precision what comes of them is not, and the step is told."""
    with pytest.raises(InvalidArgument, match=r"step \d+ cannot be made") as caught:
        leg(lab, lab.build("y = ((x - 3)**4).sum()", {"x": torch.ones(2)}), plan)
    assert caught.value.field == "plan.optimizer"


@pytest.mark.parametrize(
    ("optimizer", "schedule", "key", "number"),
    [
        ("sgd", "cosine_warm_restarts", "schedule.t_i", 0.0),
        ("sgd", "cosine_warm_restarts", "learning_rate", 1e300),
        ("adam", "", "x.step", -1.0),
    ],
)
def test_a_states_numbers_that_lead_nowhere_are_its_own_fault(
    lab: Lab, optimizer: str, schedule: str, key: str, number: float
) -> None:
    """None of ours, whatever it was made of."""
    evaluation = lab.build("y = (x**2).sum()", {"x": torch.ones(2)})
    plan = plan_of(OPTIMIZERS[optimizer][0], 30)
    if schedule:
        plan.schedule.cosine_warm_restarts.t_0 = 3
    state = leg(lab, evaluation, plan, steps=5).descent_leg.state
    if key in state.tensors:
        state.tensors[key].CopyFrom(write(torch.tensor(number)))
    else:
        state.numbers[key] = number
    with pytest.raises(InvalidArgument, match="cannot be made"):
        leg(lab, evaluation, plan, state)
