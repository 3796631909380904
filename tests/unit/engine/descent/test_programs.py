"""What kinds of program can be brought down, and what is refused."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from tests.unit.engine.descent.walking import (
    OPTIMIZERS,
    QUARTIC,
    ROSENBROCK,
    leg,
    losses,
    parameter,
    plan_of,
    torch_losses,
)

from pullback.contract.errors import InvalidArgument, LimitExceeded, ProgramError
from pullback.contract.limits import Limits
from pullback.engine.wire import read
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

ADAM = OPTIMIZERS["amsgrad"][0]


def double(*values: float) -> torch.Tensor:
    """Gives a vector."""
    return torch.tensor(values, dtype=torch.float64)


def test_what_a_mask_chooses_may_change_from_step_to_step(lab: Lab) -> None:
    """The number of chosen elements falls on the way, and every step counts those of its own."""
    x = double(0.02, 0.5, 1.0, -3.0)
    expected = torch_losses(
        lambda x: (x[x > 0] ** 2).sum() + (x[x <= 0] + 3).abs().sum(),
        {"x": x},
        lambda leaves: torch.optim.SGD(leaves, lr=0.05, momentum=0.9),
        40,
    )
    plan = plan_of(pb.Optimizer(sgd=pb.Sgd(learning_rate=0.05, momentum=0.9)), 40)
    program = "y = (x[x > 0]**2).sum() + (x[x <= 0] + 3).abs().sum()"
    result = leg(lab, lab.build(program, {"x": double(0.02, 0.5, 1.0, -3.0)}), plan)
    assert losses(result) == expected


def test_a_number_may_decide_what_is_computed(lab: Lab) -> None:
    """A branch on a number in a tensor is taken anew in every step."""
    program = "y = (x - 1)**2 if x.item() > 1.05 else (x + 1)**2 + 4"
    result = leg(
        lab, lab.build(program, {"x": double(3.0)[0]}), plan_of(steps=3_000, progress_interval=1_000)
    )
    assert parameter(result).item() < 0


def test_each_step_draws_with_a_seed_of_its_own(lab: Lab) -> None:
    """Step k has the numbers of the seed plus k; the last one those of the last."""
    evaluation = lab.build("noise = torch.rand(2)\ny = (x * noise).sum()", {"x": double(1.0, 2.0)})
    evaluation.seed = 7
    result = leg(lab, evaluation, plan_of(pb.Optimizer(sgd=pb.Sgd(learning_rate=0.5)), 12))
    x, expected = double(1.0, 2.0), []
    for step in range(13):
        noise = torch.rand(2, generator=torch.Generator().manual_seed(7 + step))
        expected.append(float((x * noise).sum()))
        x = x.add(noise, alpha=-0.5)
    assert losses(result) == expected
    assert read(result.values["y"]).item() == expected[-1]


def test_programs_may_differentiate_themselves(lab: Lab) -> None:
    """Both with `backward()` and with `torch.autograd.grad`, whose result is brought down here."""
    own = leg(lab, lab.build("y = (x**2).sum()\ny.backward()", {"x": double(1.0, -2.0)}), plan_of(steps=30))
    ours = leg(lab, lab.build("y = (x**2).sum()", {"x": double(1.0, -2.0)}), plan_of(steps=30))
    assert losses(own) == losses(ours)

    slope = "g, = torch.autograd.grad((x**3).sum(), x, create_graph=True)\ny = (g**2).sum()"
    result = leg(lab, lab.build(slope, {"x": double(1.0)}), plan_of(steps=200))
    assert losses(result)[-1] < losses(result)[0] == 9


def test_a_parameter_without_a_gradient_stays(lab: Lab) -> None:
    """And has no state, as in torch."""
    evaluation = lab.build("y = (x**2).sum()", {"x": double(1.0), "z": double(5.0)})
    result = leg(lab, evaluation, plan_of(ADAM, 20))
    assert parameter(result, "z").item() == 5
    assert not [name for name in result.descent_leg.state.tensors if name.startswith("z.")]


@pytest.mark.parametrize("name", ["amsgrad", "momentum", "lbfgs"])
def test_complex_parameters_move_as_in_torch(lab: Lab, name: str) -> None:
    """The squared distance from a complex number, brought down."""
    z = torch.tensor([1 + 1j, -2 + 0.5j], dtype=torch.complex128)
    message, optimizer = OPTIMIZERS[name]
    expected = torch_losses(lambda z: ((z - (1 - 2j)).abs() ** 2).sum(), {"z": z}, optimizer, 15)
    given = {"z": torch.tensor([1 + 1j, -2 + 0.5j], dtype=torch.complex128)}
    goal = {"goal": torch.tensor(1 - 2j, dtype=torch.complex128)}
    evaluation = lab.build("y = ((z - goal).abs()**2).sum()", given | goal, wrt=["z"])
    result = leg(lab, evaluation, plan_of(message, 15))
    assert losses(result) == expected
    assert torch.equal(parameter(result, "z"), z.detach())


def test_the_end_is_what_the_evaluation_gives_there(lab: Lab) -> None:
    """Values, gradients and printed text belong to the last parameters."""
    program = "y = (x**2).sum()\nz = x + 1\nprint(y)"
    evaluation = lab.build(program, {"x": double(1.0, 2.0)}, outputs=["z", "y"])
    result = leg(lab, evaluation, plan_of(steps=4))
    there = lab.run(program, {"x": parameter(result)}, outputs=["z", "y"])
    assert {**result.values} == {**there.values}
    assert {**result.gradients} == {**there.gradients}
    assert result.printed == there.printed
    assert read(result.values["y"]).item() == losses(result)[-1]


@pytest.mark.parametrize(
    ("program", "field"),
    [
        ("y = x**2", "outputs"),
        ("y = torch.complex(x, x).sum()", "outputs"),
        ("y = torch.ones(1)", "outputs"),
        ("(x**2).sum().backward()\ny = x", "outputs"),
    ],
)
def test_what_is_no_loss_is_refused(lab: Lab, program: str, field: str) -> None:
    """More than one element, a complex one, and one that depends on nothing."""
    with pytest.raises(InvalidArgument) as caught:
        leg(lab, lab.build(program, {"x": double(1.0, 2.0)}), plan_of())
    assert caught.value.field == field


def test_a_step_that_fails_says_where(lab: Lab) -> None:
    """The line and column of the call, as in an evaluation."""
    program = "y = (x**2).sum()\nassert_positive = torch.linalg.cholesky(x.diag()).sum()\ny = y * 1 + assert_positive"
    with pytest.raises(ProgramError, match="line 2, column"):
        leg(lab, lab.build(program, {"x": double(0.1)}), plan_of(steps=1_000))


def test_each_step_is_held_to_the_limits(lab: Lab) -> None:
    """One that is too big is refused; many that are small together are not."""
    evaluation = lab.build(f"{QUARTIC}\ny = y.sum()", {"x": torch.ones(1_000)})
    small = lab.limited(Limits(work=10**6))
    assert leg(small, evaluation, plan_of(steps=2_000, progress_interval=1_000)).descent_leg.end
    with pytest.raises(LimitExceeded):
        leg(lab.limited(Limits(work=10**3)), evaluation, plan_of())


def test_a_descent_that_leaves_the_numbers_ends(lab: Lab) -> None:
    """Where the loss is no finite number any more."""
    result = leg(
        lab, lab.build(QUARTIC, {"x": double(2.0)[0]}), plan_of(pb.Optimizer(sgd=pb.Sgd(learning_rate=1.0)))
    )
    assert result.descent_leg.end == pb.DESCENT_END_NOT_FINITE
    assert not math.isfinite(losses(result)[-1])
    assert len(losses(result)) < 12


def test_an_lbfgs_that_stands_still_ends(lab: Lab) -> None:
    """Rosenbrock's function is at its least to 1e-8 by then."""
    optimizer = pb.Optimizer(lbfgs=pb.Lbfgs(strong_wolfe=True, tolerance_grad=1e-12, tolerance_change=0))
    result = leg(lab, lab.build(ROSENBROCK, {"x": double(-1.2, 1.0)}), plan_of(optimizer, 1_000))
    assert result.descent_leg.end == pb.DESCENT_END_STALLED
    assert (parameter(result) - 1).abs().max() < 1e-8
    assert result.descent_leg.points[-1].step < 20
