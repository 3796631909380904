"""Each optimiser and schedule: step by step what torch does, and the same bytes wherever it is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.engine.descent.walking import (
    OPTIMIZERS,
    QUARTIC,
    ROSENBROCK,
    in_legs,
    leg,
    losses,
    parameter,
    plan_of,
    torch_losses,
)

from pullback.engine import tape
from pullback.engine.descent import objective
from pullback.engine.wire import read
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engine.conftest import Lab

    from pullback.v1 import evaluation_pb2

STEPS = 25
SCHEDULES: dict[str, tuple[pb.Schedule, Callable[[torch.optim.Optimizer], Any]]] = {
    "step": (
        pb.Schedule(step=pb.StepSchedule(step_size=3, gamma=0.5)),
        lambda moving: torch.optim.lr_scheduler.StepLR(moving, 3, 0.5),
    ),
    "multi_step": (
        pb.Schedule(multi_step=pb.MultiStepSchedule(milestones=[4, 11])),
        lambda moving: torch.optim.lr_scheduler.MultiStepLR(moving, [4, 11]),
    ),
    "exponential": (
        pb.Schedule(exponential=pb.ExponentialSchedule(gamma=0.9)),
        lambda moving: torch.optim.lr_scheduler.ExponentialLR(moving, 0.9),
    ),
    "cosine": (
        pb.Schedule(cosine=pb.CosineSchedule(t_max=10, eta_min=1e-4)),
        lambda moving: torch.optim.lr_scheduler.CosineAnnealingLR(moving, 10, 1e-4),
    ),
    "cosine_warm_restarts": (
        pb.Schedule(cosine_warm_restarts=pb.CosineWarmRestartsSchedule(t_0=3, t_mult=2)),
        lambda moving: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(moving, 3, 2),
    ),
    "linear": (
        pb.Schedule(linear=pb.LinearSchedule(start_factor=0.1, total_iters=8)),
        lambda moving: torch.optim.lr_scheduler.LinearLR(moving, 0.1, total_iters=8),
    ),
    "polynomial": (
        pb.Schedule(polynomial=pb.PolynomialSchedule(total_iters=30, power=2.0)),
        lambda moving: torch.optim.lr_scheduler.PolynomialLR(moving, 30, 2.0),
    ),
}


def rosenbrock(x: torch.Tensor) -> torch.Tensor:
    """Computes it as the program does."""
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def start(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Gives where everybody begins."""
    return torch.tensor([-1.2, 1.0], dtype=dtype)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_each_step_is_torchs(lab: Lab, name: str, dtype: torch.dtype) -> None:
    """Losses and parameters are those of a loop with torch alone, to the last bit."""
    message, optimizer = OPTIMIZERS[name]
    x = start(dtype)
    expected = torch_losses(rosenbrock, {"x": x}, optimizer, STEPS)

    result = leg(lab, lab.build(ROSENBROCK, {"x": start(dtype)}), plan_of(message, STEPS))

    assert losses(result) == expected
    assert torch.equal(parameter(result), x.detach())


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_schedule_is_torchs(lab: Lab, name: str) -> None:
    """Losses are those of a loop with torch alone, and the learning rates those of the schedule."""
    message, schedule = SCHEDULES[name]
    x = start()
    _, optimizer = OPTIMIZERS["momentum"]
    expected = torch_losses(rosenbrock, {"x": x}, optimizer, STEPS, schedule)
    moving = torch.optim.SGD([start()], lr=1e-3)
    scheduled = schedule(moving)
    rates = []
    for _ in range(STEPS + 1):
        rates.append(moving.param_groups[0]["lr"])
        moving.step()
        scheduled.step()

    evaluation = lab.build(ROSENBROCK, {"x": start()})
    result = leg(lab, evaluation, plan_of(OPTIMIZERS["momentum"][0], STEPS, schedule=message))

    assert losses(result) == expected
    assert [point.learning_rate for point in result.descent_leg.points] == rates


def by_hand(update: Callable[[torch.Tensor, torch.Tensor], object], steps: int) -> list[tuple[float, float]]:
    """Brings the notebook's polynomial down from 2, written out; gives loss and parameter before each step."""
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    found = []
    for _ in range(steps + 1):
        y = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
        found.append((y.item(), x.item()))
        y.backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        with torch.no_grad():
            update(x, x.grad)
        x.grad = None
    return found


def test_the_notebooks_polynomial_goes_down_as_by_hand(lab: Lab) -> None:
    """Plain gradient descent on one number has the bits of a hand loop that multiplies and adds in one go."""
    evaluation = lab.build(QUARTIC, {"x": torch.tensor(2.0, dtype=torch.float64)})
    result = leg(lab, evaluation, plan_of(steps=500, watched=["x"]))
    points = result.descent_leg.points
    found = [(point.loss, read(point.parameters["x"]).item()) for point in points]

    assert found == by_hand(lambda x, gradient: x.add_(gradient, alpha=-1e-3), 500)
    # One that rounds the product first is told apart by its last digits, after some fifty steps.
    rounded = by_hand(lambda x, gradient: x.sub_(1e-3 * gradient), 500)
    assert found[:50] == rounded[:50]
    torch.testing.assert_close(torch.tensor(found), torch.tensor(rounded), rtol=1e-13, atol=1e-15)


def serialized(result: evaluation_pb2.Result) -> bytes:
    """Gives a result's bytes."""
    return result.SerializeToString(deterministic=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.integers(1, STEPS), max_size=8), schedule=st.sampled_from([None, *SCHEDULES]))
def test_a_descent_has_the_same_bytes_wherever_it_is_cut(
    lab: Lab, name: str, cuts: list[int], schedule: str | None
) -> None:
    """What is gone on with from a state gives the points, state and result of what was never cut."""
    evaluation = lab.build(ROSENBROCK, {"x": start(torch.float32)})
    plan = plan_of(OPTIMIZERS[name][0], STEPS)
    if schedule is not None:
        plan.schedule.CopyFrom(SCHEDULES[schedule][0])
    whole, expected = in_legs(lab, evaluation, plan, [])
    result, points = in_legs(lab, evaluation, plan, cuts)

    assert points == expected
    assert result.descent_leg.state == whole.descent_leg.state
    result.descent_leg.Clear()
    whole.descent_leg.Clear()
    assert serialized(result) == serialized(whole)


@pytest.mark.parametrize("name", ["adam", "strong_wolfe"])
def test_a_tape_gives_the_bytes_of_autograd(lab: Lab, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With tapes and without, a descent is the same; with them, programs are hardly run."""
    evaluation = lab.build(ROSENBROCK, {"x": start()})
    plan = plan_of(OPTIMIZERS[name][0], STEPS)
    runs = []
    run = objective.Objective._run

    def counted(*given: Any) -> Any:
        runs.append(given)
        return run(*given)

    monkeypatch.setattr(objective.Objective, "_run", counted)
    taped, count = leg(lab, evaluation, plan), len(runs)
    monkeypatch.setattr(tape, "MAX_TAPED_BYTES", -1)
    plain = leg(lab, evaluation, plan)

    assert count == tape.COMPARED_RUN
    assert len(runs) - count > STEPS
    assert serialized(taped) == serialized(plain)
