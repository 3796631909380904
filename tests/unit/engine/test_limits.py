"""Bounds on what a program makes, judged before anything is allocated where that is cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded, ProgramError
from pullback.contract.limits import Limits

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

HUGE = [
    "y = torch.zeros(2**40)",
    "y = torch.ones(2**20, 2**20)",
    "y = torch.full((2**31, 2), 1.0)",
    "y = torch.eye(2**20)",
    "y = torch.arange(10**12)",
    "y = torch.arange(0, 1, 1e-12)",
    "y = torch.linspace(0, 1, 2**30)",
    "y = x.expand(2**30, 2)",
    "y = x.repeat(2**30)",
    "y = x.new_zeros(2**30)",
    "y = x.tile(2**30)",
    "y = x.repeat_interleave(2**30)",
    "a = torch.zeros(2**14)\ny = a[:, None] + a",
    "a = torch.zeros(2**14)\ny = torch.outer(a, a)",
    "a = torch.zeros(2**14, 1)\ny = a @ a.T",
    "a = torch.zeros(2**14, 1)\ny = torch.cdist(a, a)",
    "a = torch.zeros(2**10)\ny, z, w = torch.meshgrid(a, a, a, indexing='ij')",
    "a = torch.zeros(2**14)\ny = torch.kron(a, a)",
    "a = torch.zeros(2**14)\ny = torch.diag(a)",
    "y = F.pad(x, (0, 2**30))",
    "y = F.one_hot(torch.tensor([0]), num_classes=2**30)",
    "y = torch.fft.rfft(x, n=2**30)",
    "y = torch.combinations(torch.zeros(100), r=40)",
    "y = torch.zeros(10**5).unbind()",
    "y = torch.zeros(10**5).split(1)",
    "y = torch.tensor_split(x, 10**8)",
    "y = torch.rand(2**14, 2**14)",
    "y = torch.randn(2**30)",
    "y = torch.randint(5, (2**15, 2**15))",
    "y = torch.normal(0.0, 1.0, (2**30,))",
    "y = torch.randperm(2**27)",
    "y = torch.multinomial(torch.ones(2**10, 4), 2**20, replacement=True)",
    "y = torch.hann_window(2**30)",
    "y = torch.bincount(torch.tensor([2**40]))",
    "y = torch.bincount(torch.tensor([1]), minlength=2**30)",
    "y = F.one_hot(torch.tensor([2**40]))",
    "y = torch.repeat_interleave(x, torch.tensor([2**40, 2**62]))",
    "y = torch.repeat_interleave(x, torch.tensor([2**62]))",
    "y = x.repeat_interleave(x * 2**40)",
    "y = F.adaptive_avg_pool2d(torch.ones(64, 2, 2), 4096)",
    "y = F.adaptive_max_pool3d(torch.ones(1, 2, 2, 2), (4096, 4096, 4096))",
    "y = F.unfold(torch.ones(1, 1, 2048, 2048), 8)",
    "y = F.fold(torch.ones(64, 1), 4096, 1)",
    "y = torch.ones(2**13).unfold(0, 2**12, 1).unfold(0, 2**12, 1)",
    "y = F.affine_grid(torch.ones(1, 2, 3), (1, 1, 2**14, 2**14))",
    "y = F.grid_sample(torch.ones(1, 64, 2, 2), torch.zeros(1, 1, 1, 2).expand(1, 2**11, 2**11, 2))",
    "y = torch.conv2d(torch.ones(1, 1, 4, 4), torch.ones(4, 1, 2, 2), padding=4096)",
    "y = torch.ger(torch.ones(2**14), torch.ones(2**14))",
]


@pytest.mark.parametrize("program", HUGE)
def test_what_is_too_big_is_refused_before_it_is_made(lab: Lab, program: str) -> None:
    """The error carries the limit and an estimate beyond it; the estimate costs no memory."""
    error = lab.refusal(lab.build(program, {"x": torch.ones(2)}, value_only=True))
    assert isinstance(error, LimitExceeded), error
    assert int(error.metadata["estimate"]) > int(error.metadata["limit"])


def test_the_limit_itself_is_allowed(lab: Lab) -> None:
    """A tensor of exactly as many elements as the limit is made; one more is refused."""
    small = lab.limited(Limits(elements=6))
    assert small.run("y = torch.zeros(2, 3)", value_only=True).values["y"].shape == [2, 3]
    error = small.refusal(small.build("y = torch.zeros(7)", value_only=True))
    assert isinstance(error, LimitExceeded)
    assert error.metadata == {
        "limit": "6",
        "limit_name": "PULLBACK_LIMITS_ELEMENTS",
        "estimate": "7",
        "line": "1",
        "column": "5",
    }
    assert error.message.splitlines()[1:] == ["    y = torch.zeros(7)", "        ^"]


@pytest.mark.parametrize(
    "program",
    ["y = x[None, :] + x[:, None]", "y = torch.cat([x, x])", "y = torch.stack([x, x])", "y = x.diag_embed()"],
)
def test_whatever_has_no_estimate_is_measured(lab: Lab, program: str) -> None:
    """A result beyond the limit is refused by any op."""
    small = lab.limited(Limits(elements=3))
    assert isinstance(
        small.refusal(small.build(program, {"x": torch.ones(2)}, value_only=True)), LimitExceeded
    )


def test_a_tensor_has_a_bounded_rank(lab: Lab) -> None:
    """Seventeen dimensions could not be sent back."""
    error = lab.refusal(lab.build(f"y = torch.ones({'1, ' * 16}1)", value_only=True))
    assert isinstance(error, LimitExceeded)
    assert "17 dimensions" in error.message


def test_a_result_has_bounded_bytes(lab: Lab) -> None:
    """Expanded views count as what they take on the wire; rows and lone runs have the same bound."""
    small = lab.limited(Limits(result_bytes=40))
    for program in ("y = x.expand(5, 2)*1", "y = x*torch.ones(5, 2)"):
        error = small.refusal(
            small.build(program, {"x": torch.ones(2, dtype=torch.float64)}, value_only=True)
        )
        assert isinstance(error, LimitExceeded)
        assert (error.metadata["limit"], error.metadata["estimate"]) == ("40", "80")
        assert error.metadata["limit_name"] == "PULLBACK_LIMITS_RESULT_BYTES"
    rows = small.build("y = 2*x", {"x": torch.ones(2, 3, dtype=torch.float64)}, value_only=True)
    assert isinstance(small.refusal(rows), LimitExceeded)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("y = torch.linalg.eigvals(a)", "NaN or an infinity"),
        ("y = torch.linalg.solve(a, a)", "NaN or an infinity"),
        ("y = torch.linalg.matrix_power(b, 2**30)", "from -64 to 64"),
        ("y = torch.mvlgamma(b + 99, 10**6)", "from 1 to 64"),
        ("k = torch.tensor(-9223372036854775807) - 1\ny = torch.div(k, -1, rounding_mode='trunc')", "-1"),
    ],
)
def test_what_would_end_the_process_is_refused(lab: Lab, program: str, words: str) -> None:
    """Values that make native code crash, or never end, do not reach it."""
    inputs = {"a": torch.full((2, 2), float("nan")), "b": torch.eye(2)}
    error = lab.refusal(lab.build(program, inputs, value_only=True))
    assert isinstance(error, ProgramError)
    assert words in error.message, error.message


def test_a_malformed_input_is_refused_by_its_field(lab: Lab) -> None:
    """The engine trusts no earlier check of the bytes, in rows or alone."""
    for program in ("y = 2*x", "y = 2*x\nprint(y)"):
        evaluation = lab.build(program, {"x": torch.tensor(1.0)})
        evaluation.inputs["x"].data += b"\0"
        error = lab.refusal(evaluation)
        assert isinstance(error, InvalidArgument)
        assert error.field == 'inputs["x"].data'
