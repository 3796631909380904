"""Optimisers, schedules and the rest as they travel."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pullback.client import (
    LBFGS,
    SGD,
    Adam,
    CosineAnnealingWarmRestarts,
    InvalidArgument,
    MiniBatches,
    MultiStepLR,
    StepLR,
)
from pullback.client.descents.optimizers import OPTIMIZERS, write_optimizer
from pullback.client.descents.plans import Plan, descend_request
from pullback.client.descents.schedules import SCHEDULES, write_schedule
from pullback.contract.tensors import decode
from pullback.engine.descent.optimizers import make_optimizer, make_schedule
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from pullback.v1.descent_pb2 import DescendRequest

# What torch's optimisers take besides, which says how and not what they compute.
HOW = {"foreach", "maximize", "capturable", "differentiable", "fused", "decoupled_weight_decay"}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimiser_has_torchs_options_and_defaults(name: str) -> None:
    """By the same names, and none is missing."""
    theirs = inspect.signature(getattr(torch.optim, OPTIMIZERS[name].__name__)).parameters
    expected = {key: each.default for key, each in theirs.items() if key not in HOW | {"params"}}
    ours = {each.name: each.default for each in fields(OPTIMIZERS[name])}
    assert ours == expected


@pytest.mark.parametrize("name", SCHEDULES)
def test_each_schedule_has_torchs_options_and_defaults(name: str) -> None:
    """By the same names, and none is missing."""
    theirs = inspect.signature(getattr(torch.optim.lr_scheduler, SCHEDULES[name].__name__)).parameters
    expected = [key for key in theirs if key not in {"optimizer", "last_epoch"}]
    assert [each.name for each in fields(SCHEDULES[name])] == expected


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimiser_arrives_as_it_was_asked_for(name: str) -> None:
    """Every option, changed from its default, is in the optimiser that the engine makes."""
    kind = OPTIMIZERS[name]
    changed: dict[str, Any] = {}
    for each in fields(kind):
        if each.name == "betas":
            changed["betas"] = (0.5, 0.75)
        elif each.name == "line_search_fn":
            changed["line_search_fn"] = "strong_wolfe"
        elif isinstance(each.default, bool):
            changed[each.name] = True
        elif each.default is None or isinstance(each.default, int):
            changed[each.name] = 7
        elif each.name != "dampening":  # which Nesterov's momentum does not go with
            changed[each.name] = 0.25
    message = pb.Optimizer()
    write_optimizer(message, kind(**changed))
    group = make_optimizer(message, [torch.zeros(1)]).param_groups[0]
    assert {key: group[key] for key in changed} == changed


def test_a_schedule_arrives_as_it_was_asked_for() -> None:
    """Its numbers are in the schedule that the engine makes."""
    message = pb.Schedule()
    write_schedule(message, CosineAnnealingWarmRestarts(7, 3, 0.5))
    made: Any = make_schedule(message, torch.optim.SGD([torch.zeros(1)]))
    assert (made.T_0, made.T_mult, made.eta_min) == (7, 3, 0.5)
    message = pb.Schedule()
    write_schedule(message, MultiStepLR([3, 9], 0.5))
    assert [*message.multi_step.milestones] == [3, 9]


def _request(**changes: Any) -> DescendRequest:
    plain: dict[str, Any] = dict.fromkeys(
        ("schedule", "loss_target", "loss_tolerance", "gradient_tolerance", "seconds", "bounds", "batches", "state",
         "leg_timeout")
    )  # fmt: skip
    plain |= {
        "optimizer": "sgd", "steps": 10, "interval": 0, "watch": (), "outputs": (), "wrt": (), "device": "auto",
        "seed": 0,
    }  # fmt: skip
    return descend_request("y = x**2", {"x": np.zeros(2)}, Plan(**(plain | changes)))


def test_what_is_not_asked_for_is_not_set() -> None:
    """The plan has an optimiser and a number of steps."""
    plan = _request().plan
    assert [field.name for field, _ in plan.ListFields()] == ["optimizer", "stop"]
    assert plan.stop == pb.Stop(steps=10)


def test_bounds_have_the_parameters_type() -> None:
    """Whatever numbers they are given as; a side that is None is not set."""
    box = _request(bounds={"x": (0, None)}).plan.bounds["x"]
    assert decode(box.lower) == 0
    assert decode(box.lower).dtype == np.float64
    assert not box.HasField("upper")


def test_mini_batches_travel() -> None:
    """With their own words."""
    batches = MiniBatches(inputs="x", size=3, seed=2**64 - 1, shuffle=False, drop_last=True)
    expected = pb.MiniBatches(inputs=["x"], size=3, seed=2**64 - 1, in_order=True, drop_last=True)
    assert _request(batches=batches).plan.mini_batches == expected


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("optimizer", {"optimizer": "newton"}),
        ("optimizer", {"optimizer": StepLR(3)}),
        ("optimizer", {"optimizer": SGD(lr="fast")}),  # type: ignore[arg-type]
        ("optimizer", {"optimizer": LBFGS(line_search_fn="armijo")}),
        ("optimizer", {"optimizer": Adam(betas=(0.9,))}),  # type: ignore[arg-type]
        ("schedule", {"schedule": SGD()}),
        ("schedule", {"schedule": StepLR(0.5)}),  # type: ignore[arg-type]
        ("steps", {"steps": -1}),
        ("interval", {"interval": -1}),
        ("seconds", {"seconds": 0.0}),
        ("bounds", {"bounds": {"z": (0, 1)}}),
        ('bounds["x"]', {"bounds": {"x": ("low", 1)}}),
        ("batches.size", {"batches": MiniBatches(inputs="x", size=-1)}),
        ("batches.seed", {"batches": MiniBatches(inputs="x", size=1, seed=2**64)}),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(field: str, changes: dict[str, Any]) -> None:
    """Before anything goes to the service."""
    with pytest.raises(InvalidArgument) as caught:
        _request(**changes)
    assert caught.value.field == field
