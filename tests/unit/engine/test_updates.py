"""Augmented assignments, as steps of gradient descent are written with them, beside the same text in plain torch."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any

import pytest
import torch

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.5]]

DESCENT = """
w = torch.zeros(2, dtype=torch.float64, requires_grad=True)
b = torch.zeros(1, dtype=torch.float64, requires_grad=True)
for step in range(4):
    loss = ((x @ w + b - 1.0)**2).mean()
    loss.backward()
    with torch.no_grad():
        w -= 0.01 * w.grad
        b -= 0.01 * b.grad
        {zero}
    print(f"{{step}}: {{loss.item():.6f}}", w, b.requires_grad, w.is_leaf)
y = w
"""

PROGRAMS = [
    DESCENT.format(zero="w.grad.zero_(); b.grad.zero_()"),
    DESCENT.format(zero="w.grad = None; b.grad = None"),
    DESCENT.format(zero="pass").replace("        pass\n", ""),
    # Momentum: the buffer is no leaf that is tracked, and has no second name.
    (
        "w = torch.ones(2, dtype=torch.float64, requires_grad=True)\nv = torch.zeros(2, dtype=torch.float64)\n"
        "for i in range(3):\n    ((x @ w)**2).sum().backward()\n    with torch.no_grad():\n        v *= 0.9\n"
        "        v += w.grad\n        w -= 0.001 * v\n        w.grad.zero_()\ny = w"
    ),
    # Each operator that torch has in place.
    (
        "w = torch.ones(2, dtype=torch.float64, requires_grad=True)\nwith torch.no_grad():\n    w += 1\n    w *= 3\n"
        "    w /= 4\n    w -= 0.25\n    w **= 2\ny = w\nprint(w, w.is_leaf)"
    ),
    # A tensor with two names is changed under both.
    "v = x * 2\nh = v\nv += 1\ny = h",
    "def f(a):\n    a *= 2\n    return a.sum()\nz = x * 1\ns = f(z)\ny = z + s",
    "w = torch.ones(2, dtype=torch.float64, requires_grad=True)\nu = w\nwith torch.no_grad():\n    w -= 0.5\ny = u",
]


def _python(source: str) -> tuple[torch.Tensor, str]:
    names: dict[str, Any] = {"torch": torch, "x": torch.tensor(X, dtype=torch.float64)}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(source, names)  # noqa: S102 - the oracle is Python itself, on a text of this file
    return names["y"].detach(), printed.getvalue()


@pytest.mark.parametrize("source", PROGRAMS)
def test_augmented_assignments_do_what_they_do_in_torch(lab: Lab, source: str) -> None:
    """Values and printed text are those of plain torch, bit for bit."""
    value, printed = _python(source)
    result = lab.run(source, {"x": torch.tensor(X, dtype=torch.float64)}, outputs=["y"], value_only=True)
    assert torch.equal(lab.value(result, "y"), value)
    assert result.printed == printed


@pytest.mark.parametrize(
    "source",
    [
        "x += 1\ny = x.sum()",
        "w = torch.ones(2, requires_grad=True)\nw *= 2\ny = w.sum()",
        "w = torch.ones(2)\nw.requires_grad_()\nw -= 1\ny = w.sum()",
    ],
)
def test_a_tracked_leaf_is_not_changed(lab: Lab, source: str) -> None:
    """As in torch: only what makes a new value, or stands under no_grad, may change a leaf that requires a gradient."""
    error = lab.refusal(lab.build(source, {"x": torch.tensor(X, dtype=torch.float64)}))
    assert "under torch.no_grad()" in error.message
    assert error.metadata["line"]


def test_inputs_are_changed_for_their_own_evaluation_only(lab: Lab) -> None:
    """The bytes that were sent stay what they were, so that the next evaluation of the same message is the same."""
    source = "with torch.no_grad():\n    x *= 2\ny = (x * 3).sum()"
    evaluation = lab.build(source, {"x": torch.tensor(X, dtype=torch.float64)})
    first, second = lab.engine.evaluate(evaluation), lab.engine.evaluate(evaluation)
    assert first.values["y"] == second.values["y"]
    assert lab.value(first, "y").item() == 6 * torch.tensor(X, dtype=torch.float64).sum().item()
