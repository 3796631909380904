"""Every row of the op table, differentiated forward and for stacks: what one way gives, the others give."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from tests.fuzz.samples import Sample, all_samples
from tests.unit.engine.test_op_gradients import NARROW, NOT_COMPARED, ONCE

from pullback.contract.errors import PullbackError
from pullback.contract.program.ops import OPS
from pullback.engine.wire import read
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

SAMPLES = [
    sample
    for sample in sorted(all_samples(), key=str)
    if OPS[sample.key].differentiable and sample.key not in NARROW | NOT_COMPARED
]
COUNT = 3


def _moving(sample: Sample) -> dict[str, torch.Tensor]:
    return {
        name: each for name, each in sample.inputs.items() if each.is_floating_point() or each.is_complex()
    }


def _stacks(tensors: dict[str, torch.Tensor], seed: int) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn((COUNT, *each.shape), dtype=each.dtype, generator=draws)
        for name, each in tensors.items()
    }


def _value(lab: Lab, sample: Sample) -> torch.Tensor | None:
    """Gives the result where it is one tensor with a graph."""
    outcome = lab.engine.evaluate_many(
        [lab.build(sample.program, sample.inputs, outputs=["y"], value_only=True)]
    )[0]
    if isinstance(outcome, PullbackError):
        return None
    value = lab.value(outcome, "y")
    return value if value.is_floating_point() or value.is_complex() else None


def _inner(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    product = (left.conj() * right) if left.is_complex() or right.is_complex() else left * right
    total = product.sum()
    return total.real if total.is_complex() else total


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_products_forward_and_in_reverse_agree(lab: Lab, sample: Sample) -> None:
    """Stacked and single, on both sides: v . (J t) is (v J) . t."""
    value, moving = _value(lab, sample), _moving(sample)
    if value is None or not moving:
        return
    tangents, seeds = _stacks(moving, 1), _stacks({"y": value}, 2)
    asked = [
        lab.ask("gradient", sample.program, sample.inputs, outputs=["y"], cotangents=seeds, stacked=True),
        lab.ask("jvp", sample.program, sample.inputs, outputs=["y"], tangents=tangents, stacked=True),
        *(
            lab.ask(
                "gradient", sample.program, sample.inputs, outputs=["y"], cotangents={"y": seeds["y"][row]}
            )
            for row in range(COUNT)
        ),
        *(
            lab.ask(
                "jvp",
                sample.program,
                sample.inputs,
                outputs=["y"],
                tangents={name: each[row] for name, each in tangents.items()},
            )
            for row in range(COUNT)
        ),
    ]
    with warnings.catch_warnings(action="ignore"):
        found = lab.engine.evaluate_many(asked)
    pulled, pushed, *rows = found
    if isinstance(
        pulled, PullbackError
    ):  # no graph, or no derivative in torch; then there is none forward either
        assert "cannot be differentiated" in pulled.message or "backward pass" in pulled.message, pulled
        return
    if sample.key.replace("Tensor.", "torch.") in ONCE and isinstance(pushed, PullbackError):
        assert "is not implemented" in pushed.message  # forward, nor twice in reverse
        return
    assert isinstance(pushed, pb.Result), pushed
    for row in range(COUNT):
        lone, moved = rows[row], rows[COUNT + row]
        assert isinstance(lone, pb.Result), lone
        assert isinstance(moved, pb.Result), moved
        for name in lone.gradients:
            torch.testing.assert_close(
                read(pulled.gradients[name])[row],
                read(lone.gradients[name]),
                rtol=1e-9,
                atol=1e-9,
                equal_nan=True,
            )
        torch.testing.assert_close(
            read(pushed.tangents["y"])[row], read(moved.tangents["y"]), rtol=1e-9, atol=1e-9, equal_nan=True
        )
        left = _inner(seeds["y"][row], read(moved.tangents["y"]))
        right = sum(
            (_inner(read(lone.gradients[name]), tangents[name][row]) for name in sorted(lone.gradients)),
            torch.zeros((), dtype=left.dtype),
        )
        torch.testing.assert_close(left, right.to(left.dtype), rtol=1e-7, atol=1e-7, equal_nan=True)


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_products_with_a_hessian_are_the_same_stacked_and_single(lab: Lab, sample: Sample) -> None:
    """Of what one cotangent makes of the result; where torch has no second derivative, both say so."""
    value, moving = _value(lab, sample), _moving(sample)
    if value is None or not moving:
        return
    tangents = _stacks(moving, 1)
    seeds = {"y": _stacks({"y": value}, 2)["y"][0]}
    kind = "hessian_vector_product"
    asked = [
        lab.ask(
            kind,
            sample.program,
            sample.inputs,
            outputs=["y"],
            cotangents=seeds,
            tangents=tangents,
            stacked=True,
        ),
        *(
            lab.ask(
                kind,
                sample.program,
                sample.inputs,
                outputs=["y"],
                cotangents=seeds,
                tangents={name: each[row] for name, each in tangents.items()},
            )
            for row in range(COUNT)
        ),
    ]
    with warnings.catch_warnings(action="ignore"):
        stack, *rows = lab.engine.evaluate_many(asked)
    for row, lone in enumerate(rows):
        if isinstance(stack, PullbackError) or isinstance(lone, PullbackError):
            assert isinstance(stack, PullbackError)
            assert str(stack) == str(lone)
            continue
        for name in lone.products:
            torch.testing.assert_close(
                read(stack.products[name])[row],
                read(lone.products[name]),
                rtol=1e-9,
                atol=1e-9,
                equal_nan=True,
            )
