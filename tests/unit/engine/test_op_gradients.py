"""Every row of the op table is called, and the gradients of the differentiable ones held against finite differences."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import pytest
import torch
from tests.fuzz.samples import Sample, all_samples, samples, written_names

from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program import compile_program
from pullback.contract.program.ops import OPS
from pullback.engine.interpret import prepare, run
from pullback.engine.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = sorted(all_samples(), key=str)

# Rows whose value goes through a narrower type than the operands have, too coarse for finite differences.
NARROW = {"Tensor.bfloat16", "Tensor.half", "Tensor.float", "Tensor.cfloat"}

# Rows for which torch has a first derivative only.
ONCE = {
    "torch.cdist",
    "torch.nn.functional.hardsigmoid",
    "torch.nn.functional.multi_margin_loss",
    "torch.nn.functional.multilabel_margin_loss",
    "torch.nn.functional.pdist",
    "torch.pdist",
}

# Differentiable rows whose result may have no graph behind it, or where finite differences say something else than a
# gradient: what cuts the graph, steps, and the program's own backward passes.
NOT_COMPARED = {"torch.detach", "Tensor.detach", "Tensor.grad"}


def _function(sample: Sample) -> tuple[Callable[..., tuple[torch.Tensor, ...]], list[torch.Tensor]]:
    """Makes a function of the differentiable operands alone, and gives these."""
    code = prepare(compile_program(sample.program))
    operands = sample.inputs
    names = [name for name, value in operands.items() if value.is_floating_point() or value.is_complex()]

    def call(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        state = run(code, operands | dict(zip(names, values, strict=True)), Meter(DEFAULT_LIMITS))
        return _tensors(state.slots[code.program.names["y"]])

    return call, [operands[name].clone().requires_grad_() for name in names]


def _tensors(value: object) -> tuple[torch.Tensor, ...]:
    """Gives the tensors of a result that have a gradient."""
    if isinstance(value, torch.Tensor):
        return (value,) if value.requires_grad else ()
    if isinstance(value, (tuple, list)):
        return tuple(tensor for item in value for tensor in _tensors(item))
    return ()


def test_every_row_has_a_sample() -> None:
    """A row that is never called is never checked; a line for no row is a mistake."""
    assert [key for key in OPS if not samples(key)] == []
    names = {*OPS, *(key.rpartition(".")[2] for key in OPS)}
    assert written_names() <= names


@pytest.mark.parametrize("sample", SAMPLES, ids=str)
def test_a_gradient_is_that_of_finite_differences(sample: Sample) -> None:
    """In float64, for each sample that has a differentiable operand and a result with a graph."""
    call, operands = _function(sample)
    with warnings.catch_warnings(action="ignore"):
        found = bool(operands) and bool(call(*operands))
        if not OPS[sample.key].differentiable or sample.key in NARROW | NOT_COMPARED or not found:
            return
        # Most methods are functions under another name: those are looked at along one direction only.
        fast = sample.key.replace("Tensor.", "torch.") in OPS and sample.key.startswith("Tensor.")
        assert torch.autograd.gradcheck(call, operands, eps=1e-6, atol=1e-5, rtol=1e-3, fast_mode=fast)


@pytest.mark.parametrize("sample", SAMPLES[::4], ids=str)
def test_a_second_gradient_is_that_of_finite_differences(sample: Sample) -> None:
    """For every fourth sample, where torch has one; along one direction of the operands, chosen at random."""
    call, operands = _function(sample)
    with warnings.catch_warnings(action="ignore"):
        found = bool(operands) and bool(call(*operands))
        if not OPS[sample.key].differentiable or sample.key in NARROW | NOT_COMPARED | ONCE or not found:
            return
        assert torch.autograd.gradgradcheck(call, operands, eps=1e-6, atol=1e-5, rtol=1e-3, fast_mode=True)


@pytest.mark.parametrize("key", sorted(OPS))
def test_a_row_says_rightly_whether_it_is_differentiable(key: str) -> None:
    """A sample of one that is has a graph behind its result; of one that is not, no sample gives a gradient but 0."""
    with warnings.catch_warnings(action="ignore"):
        calls = [_function(sample) for sample in samples(key)]
        results = [(operands, call(*operands)) for call, operands in calls if operands]
        if OPS[key].differentiable:
            assert key in NOT_COMPARED or any(tensors for _, tensors in results)
            return
        for operands, tensors in results:
            for tensor in tensors:
                assert not any(map(torch.any, _gradients(tensor, operands)))


def _gradients(tensor: torch.Tensor, operands: list[torch.Tensor]) -> list[torch.Tensor]:
    try:
        found = torch.autograd.grad(tensor.sum(), operands, allow_unused=True)
    except (NotImplementedError, RuntimeError) as error:  # torch has a node for it, and no derivative
        if "not implemented" in str(error):
            return []
        raise
    return [gradient for gradient in found if gradient is not None]
