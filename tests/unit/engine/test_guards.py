"""Operands with which torch crashes, hangs, reads what is not theirs, or answers without sense: refused before."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from tests.fuzz.edges import Edge, Mutable
from tests.fuzz.samples import samples

from pullback.contract.errors import ProgramError
from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

INPUTS = {"k": torch.tensor([-(2**63), 4]), "m": torch.ones(2, 2), "v": torch.ones(3)}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("y = torch.linalg.eigvals(m / 0)", "`input` holds NaN or an infinity"),
        ("y = torch.div(k, -1, rounding_mode='trunc')", "lowest integer divided by -1"),
        ("y = k.div(k - k - 1, rounding_mode='trunc')", "lowest integer divided by -1"),
        ("y = k.divide(-1, rounding_mode='trunc')", "lowest integer divided by -1"),
        ("y = torch.linalg.norm(m / 0, 'nuc')", "`input` holds NaN or an infinity"),
        ("y = torch.linalg.norm(m / 0, 2)", "`input` holds NaN or an infinity"),
        ("y = torch.linalg.matrix_norm(m / 0, -2)", "`input` holds NaN or an infinity"),
        ("y = torch.norm(m / 0, 'nuc')", "`input` holds NaN or an infinity"),
        ("y = F.pdist(m[:0])", "`input` has no elements"),
        ("y = torch.pdist(m[:0])", "`input` has no elements"),
        ("y = torch.poisson(-m)", "negative, NaN or above"),
        ("y = torch.poisson(m * 2.0**60)", "negative, NaN or above"),
    ],
)
def test_a_value_that_torch_cannot_take_is_refused(lab: Lab, program: str, words: str) -> None:
    """With its place, and what was found."""
    error = lab.refusal(lab.build(program, INPUTS, value_only=True))
    assert isinstance(error, ProgramError)
    assert words in error.message, error.message


@pytest.mark.parametrize(
    "program",
    [
        "y = torch.div(k, 1, rounding_mode='trunc')",
        "y = torch.div(k, -1, rounding_mode='floor')",
        "y = torch.div(k, -1)",
        "y = torch.linalg.norm(v / 0, 2)",
        "y = torch.linalg.norm(m / 0, 2, dim=1)",
        "y = torch.linalg.norm(m / 0)",
        "y = torch.norm(m / 0)",
        "y = F.pdist(m[:1])",
        "y = torch.poisson(m * 2.0**50)",
    ],
)
def test_a_value_beside_those_is_taken(lab: Lab, program: str) -> None:
    """A check refuses what it is there for, and nothing else: NaN in a sum of squares is an answer."""
    lab.run(program, INPUTS, value_only=True)


@pytest.mark.parametrize("key", sorted(key for key, op in OPS.items() if "finite" in op.checks))
def test_every_row_of_lapack_refuses_what_is_not_finite(lab: Lab, key: str) -> None:
    """Whichever of its operands holds it."""
    mutable = Mutable(samples(key)[0])
    for value in (float("nan"), float("inf")):
        case = mutable.with_edges([(0, Edge("{}", torch.full((3, 3), value)))])
        error = lab.refusal(lab.build(case.program, case.inputs, value_only=True))
        assert "NaN or an infinity" in error.message, error.message
