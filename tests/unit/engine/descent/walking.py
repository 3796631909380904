"""Short ways to make descents in an engine, and torch's own to hold them against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pullback.engine.wire import read
from pullback.v1 import evaluation_pb2
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.unit.engine.conftest import Lab

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"
ROSENBROCK = "y = 100*(x[1] - x[0]**2)**2 + (1 - x[0])**2"

# Every optimiser, with all that it can keep: its message, and torch's.
OPTIMIZERS: dict[str, tuple[pb.Optimizer, Callable[[list[torch.Tensor]], torch.optim.Optimizer]]] = {
    "sgd": (
        pb.Optimizer(sgd=pb.Sgd(learning_rate=1e-3)),
        lambda leaves: torch.optim.SGD(leaves, lr=1e-3),
    ),
    "momentum": (
        pb.Optimizer(
            sgd=pb.Sgd(learning_rate=1e-3, momentum=0.9, weight_decay=0.01, nesterov=True, dampening=0.0)
        ),
        lambda leaves: torch.optim.SGD(leaves, lr=1e-3, momentum=0.9, weight_decay=0.01, nesterov=True),
    ),
    "adam": (pb.Optimizer(adam=pb.Adam()), torch.optim.Adam),
    "amsgrad": (
        pb.Optimizer(adam=pb.Adam(learning_rate=0.05, beta1=0.8, eps=1e-6, weight_decay=0.01, amsgrad=True)),
        lambda leaves: torch.optim.Adam(
            leaves, lr=0.05, betas=(0.8, 0.999), eps=1e-6, weight_decay=0.01, amsgrad=True
        ),
    ),
    "adamw": (
        pb.Optimizer(adamw=pb.AdamW(learning_rate=0.05, beta2=0.99)),
        lambda leaves: torch.optim.AdamW(leaves, lr=0.05, betas=(0.9, 0.99)),
    ),
    "rmsprop": (
        pb.Optimizer(rmsprop=pb.RmsProp(learning_rate=0.01, momentum=0.5, centered=True)),
        lambda leaves: torch.optim.RMSprop(leaves, lr=0.01, momentum=0.5, centered=True),
    ),
    "adagrad": (
        pb.Optimizer(adagrad=pb.Adagrad(learning_rate=0.1, lr_decay=0.01, initial_accumulator_value=0.1)),
        lambda leaves: torch.optim.Adagrad(leaves, lr=0.1, lr_decay=0.01, initial_accumulator_value=0.1),
    ),
    "lbfgs": (
        pb.Optimizer(lbfgs=pb.Lbfgs(learning_rate=0.1, max_iter=4, history_size=3)),
        lambda leaves: torch.optim.LBFGS(leaves, lr=0.1, max_iter=4, history_size=3),
    ),
    "strong_wolfe": (
        pb.Optimizer(lbfgs=pb.Lbfgs(max_iter=2, strong_wolfe=True)),
        lambda leaves: torch.optim.LBFGS(leaves, max_iter=2, line_search_fn="strong_wolfe"),
    ),
}


def plan_of(optimizer: pb.Optimizer | None = None, steps: int = 50, **fields: Any) -> pb.OptimizationPlan:
    """Makes a plan; by default plain gradient descent."""
    stop = {
        name: fields.pop(name)
        for name in ("loss_target", "loss_tolerance", "gradient_tolerance")
        if name in fields
    }
    plan = pb.OptimizationPlan(
        optimizer=optimizer or OPTIMIZERS["sgd"][0], stop=pb.Stop(steps=steps, **stop), **fields
    )
    plan.progress_interval = plan.progress_interval or 1
    return plan


def leg(
    lab: Lab,
    evaluation: evaluation_pb2.Evaluation,
    plan: pb.OptimizationPlan,
    state: pb.DescentState | None = None,
    steps: int = 10**6,
) -> evaluation_pb2.Result:
    """Makes one leg, as the gateway asks for it."""
    asked = evaluation_pb2.Evaluation()
    asked.CopyFrom(evaluation)
    asked.descent_leg.plan.CopyFrom(plan)
    asked.descent_leg.steps = steps
    if state is not None:
        asked.descent_leg.state.CopyFrom(state)
        asked.descent_leg.state.parameters.clear()
        for name, tensor in state.parameters.items():
            asked.inputs[name].CopyFrom(tensor)
    return lab.engine.evaluate(asked)


def in_legs(
    lab: Lab, evaluation: evaluation_pb2.Evaluation, plan: pb.OptimizationPlan, cuts: Iterable[int]
) -> tuple[evaluation_pb2.Result, list[pb.DescentPoint]]:
    """Makes a descent in legs of so many steps, and the rest in one; gives the last result and all points."""
    points: list[pb.DescentPoint] = []
    state: pb.DescentState | None = None
    for steps in (*cuts, 10**6):
        result = leg(lab, evaluation, plan, state, steps)
        points += result.descent_leg.points
        state = result.descent_leg.state
        if result.descent_leg.end:
            return result, points
    raise AssertionError("a descent without an end")


def parameter(result: evaluation_pb2.Result, name: str = "x") -> torch.Tensor:
    """Gives a parameter of the state that a leg came to."""
    return read(result.descent_leg.state.parameters[name])


def losses(result: evaluation_pb2.Result) -> list[float]:
    """Gives the losses of the points of a leg."""
    return [point.loss for point in result.descent_leg.points]


def torch_losses(
    loss: Callable[..., torch.Tensor],
    leaves: Mapping[str, torch.Tensor],
    optimizer: Callable[[list[torch.Tensor]], torch.optim.Optimizer],
    steps: int,
    schedule: Callable[[torch.optim.Optimizer], Any] | None = None,
) -> list[float]:
    """Makes the same with torch alone: the losses before each step, and at the end. Moves the leaves."""
    for leaf in leaves.values():
        leaf.requires_grad_()
    moving = optimizer([*leaves.values()])
    scheduled = schedule(moving) if schedule else None

    def closure() -> torch.Tensor:
        moving.zero_grad()
        value = loss(**leaves)
        value.backward()  # type: ignore[no-untyped-call]
        return value

    found = []
    for _ in range(steps):
        found.append(float(loss(**leaves).detach()))
        moving.step(closure)  # type: ignore[arg-type]
        if scheduled is not None:
            scheduled.step()
    found.append(float(loss(**leaves).detach()))
    return found
