"""What people write who learn autograd, fit models and optimise functions: as plain torch has it, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from tests.conformance import judge, oracle
from tests.conformance.entries import Entry, evaluation, read

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tests.unit.engine.conftest import Lab

BENIGN = read(Path(__file__).parents[2] / "vectors" / "programs" / "benign.jsonl")

# Half the distance between the two points of a central difference. Its error is of the order of the square of this,
# and of 1e-16 divided by this.
STEP = 1e-5
TOLERANCE = 1e-6


def _smooth(entry: Entry) -> bool:
    return (
        entry.fields.get("mode", "grad") == "grad" and bool(entry.wrt()) and entry.fields.get("smooth", True)
    )


@pytest.mark.parametrize("entry", BENIGN, ids=lambda entry: entry.id)
def test_a_program_gives_what_plain_torch_gives(lab: Lab, entry: Entry) -> None:
    """Value and gradients are those of the same text in plain torch, and the same bytes on a second run."""
    expected = oracle.expected(entry)
    message = evaluation(entry, expected.value)
    result = lab.engine.evaluate(message)
    assert list(judge.faults_of_result(entry, result, expected)) == []
    assert lab.engine.evaluate(message) == result


@pytest.mark.parametrize("entry", [entry for entry in BENIGN if _smooth(entry)], ids=lambda entry: entry.id)
def test_a_gradient_is_the_slope_of_plain_torch(lab: Lab, entry: Entry) -> None:
    """Along an arbitrary direction, the inner product with the gradient is the central difference of the sum."""
    generator = torch.Generator().manual_seed(11)
    leaves = {name: oracle.leaf(spec) for name, spec in entry.inputs()}
    directions: dict[str, Any] = {
        name: torch.randn(leaves[name].shape, dtype=torch.float64, generator=generator)
        for name in entry.wrt()
    }
    ahead, behind = (
        _total(entry, leaves | {name: leaves[name] + step * way for name, way in directions.items()})
        for step in (STEP, -STEP)
    )
    result = lab.engine.evaluate(evaluation(entry, oracle.expected(entry).value))
    slope = sum(
        float(np.vdot(directions[name].numpy(), _gradient(lab, result, name)))
        for name in entry.wrt()
        if name in result.gradients
    )
    assert slope == pytest.approx((ahead - behind) / (2 * STEP), rel=TOLERANCE, abs=TOLERANCE)


def _total(entry: Entry, leaves: dict[str, torch.Tensor]) -> float:
    # Some programs differentiate themselves, so the leaves are tracked here too.
    value = oracle.compute(entry.source, leaves, entry.wrt(), entry.fields["output"]).value
    return float(value.sum(dtype=np.float64))


def _gradient(lab: Lab, result: Any, name: str) -> NDArray[Any]:
    gradient: NDArray[Any] = lab.gradient(result, name).numpy()
    return gradient
