"""What `print` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pullback.contract.limits import Limits
from pullback.engine.printing import MAX_PRINTED_ELEMENTS

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab


@pytest.mark.parametrize(
    ("program", "text"),
    [
        ("print(1, 2.5, True, None)", "1 2.5 True None\n"),
        ("print('a', 'b', sep='-', end='!')", "a-b!"),
        ("print(torch.zeros(2, 3).shape)", "torch.Size([2, 3])\n"),
        ("print(torch.zeros(2, 3).shape[0])", "2\n"),
        ("print(torch.float64)", "torch.float64\n"),
        ("print(torch.tensor([1, 2]))", "tensor([1, 2])\n"),
        ("print(torch.tensor(1.5, dtype=torch.float64))", "tensor(1.5000, dtype=torch.float64)\n"),
        ("print((1, torch.tensor(2)))", "(1, tensor(2))\n"),
        ("print((torch.tensor(2),))", "(tensor(2),)\n"),
        ("print([1, 2])", "[1, 2]\n"),
        ("print(torch.ones(2).requires_grad)", "False\n"),
        ("x = torch.ones(1, requires_grad=True)\nprint(x.grad, x.grad_fn)", "None None\n"),
        ("x = torch.ones(1, requires_grad=True)\nprint((2*x).grad_fn)", "<MulBackward0>\n"),
        (
            "print(torch.ones(1, 2).max(dim=1))",
            "torch.return_types.max(\nvalues=tensor([1.]),\nindices=tensor([0]))\n",
        ),
        ("print()", "\n"),
    ],
)
def test_values_print_as_in_a_notebook(lab: Lab, program: str, text: str) -> None:
    """The text is Python's and torch's own, but for the address of a backward function."""
    assert lab.run(program, value_only=True).printed == text


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(2000.0),
        torch.tensor([1e-8, 1e8, float("nan"), float("-inf")]),
        torch.ones(2, 0),
        torch.tensor([[True, False]]),
        torch.tensor([1 + 2j]),
        torch.tensor([1.5, -0.0], dtype=torch.bfloat16),
    ],
)
def test_tensors_print_as_torch_prints_them(lab: Lab, tensor: torch.Tensor) -> None:
    """Long, odd and empty tensors look as they do at a prompt."""
    assert lab.run("print(x)", {"x": tensor}, value_only=True).printed == f"{tensor}\n"


def test_long_text_is_cut_with_a_last_line_that_says_so(lab: Lab) -> None:
    """Exactly the limit is kept; one character more is cut."""
    small = lab.limited(Limits(printed_chars=8))
    assert small.run("print('1234567')", value_only=True).printed == "1234567\n"
    assert small.run("print('12345678')\nprint(1)", value_only=True).printed == (
        "12345678\n[cut here: the program printed more than 8 characters]\n"
    )


def test_a_tensor_that_torch_would_write_out_at_length_prints_short(lab: Lab) -> None:
    """Six elements along each of ten dimensions are sixty million, which torch would format one by one."""
    program = "x = torch.ones(1).expand(6, 6, 6, 6, 6, 6)\nprint(x)"
    assert MAX_PRINTED_ELEMENTS < 6**6
    assert lab.run(program, value_only=True).printed == "tensor(..., float32[6, 6, 6, 6, 6, 6])\n"
