"""Where a backward pass failed: the statement whose derivative torch could not compute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pullback.contract.errors import LimitExceeded, ProgramError
from pullback.contract.limits import Limits

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

# torch computes this decomposition for a tall matrix, and has no derivative of it.
QR = 'torch.linalg.qr(a, mode="complete")'
X = np.arange(8.0).reshape(4, 2) + np.eye(4, 2)

FAILING = [
    (f"a = x * 2\nq, r = {QR}\ny = q.sum() + r.sum()", 2, 8, "`torch.linalg.qr` failed in the backward pass: "),
    (f"a = x * 2\nq, r = {QR}\ny = q.sum()\ny.backward()", 2, 8, "in the backward pass begun on line 4: "),
    (
        f"a = x * 2\nq, r = {QR}\ny = q.sum()\ng, = torch.autograd.grad(y, x)\nz = g.sum()",
        2,
        8,
        "in the backward pass begun on line 4: ",
    ),
    (f"def f(a):\n    q, r = {QR}\n    return q\ny = f(x * 2).sum()", 2, 12, "(in `f`, called on line 4)"),
    (f"a = x * 2\nz = a.sum()\nz.backward()\ny = {QR}[0].sum() if x.dim() else z\ny.backward()", 4, 5, "line 5: "),
    (
        "d = torch.cdist(x, x + 1.0).sum()\ng, = torch.autograd.grad(d, x, create_graph=True)\ny = (g**2).sum()",
        2,
        6,
        "`torch.autograd.grad` failed in the backward pass: ",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("source", "line", "column", "says"), FAILING)
def test_a_failing_backward_pass_points_at_the_statement_to_blame(
    lab: Lab, source: str, line: int, column: int, says: str
) -> None:
    """Line, column and op are those of the call whose derivative failed, wherever the pass began."""
    error = lab.refusal(lab.build(source, {"x": X}))
    assert isinstance(error, ProgramError)
    assert (error.metadata["line"], error.metadata["column"]) == (str(line), str(column))
    assert says in error.message
    assert error.message.endswith("^")


def test_a_pass_that_fails_as_a_whole_points_at_where_it_began(lab: Lab) -> None:
    """No derivative is to blame where nothing requires a gradient, or the graph is gone."""
    error = lab.refusal(lab.build("y = x.detach().sum()\ny.backward()", {"x": X}))
    assert error.message.startswith(
        "line 2, column 1: `.backward` on float64[] failed: nothing that it depends on"
    )
    error = lab.refusal(lab.build("y = (x**2).sum()\ny.backward()\ny.backward()", {"x": X}))
    assert error.message.startswith("line 3, column 1: `.backward`")


def test_a_failed_pass_leaves_nothing_behind(lab: Lab) -> None:
    """The same engine answers the next evaluation as if nothing had been, and a failing one the same way twice."""
    good = lab.build("y = (x**2).sum()", {"x": X})
    before = lab.engine.evaluate(good)
    bad = lab.build(FAILING[0][0], {"x": X})
    assert str(lab.refusal(bad)) == str(lab.refusal(bad))
    assert lab.engine.evaluate(good) == before


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("a = x\ny = a.repeat(100, 100)", "line 2, column 5"),
        ("def f(a):\n    return a.repeat(100, 100)\ny = f(x)", "line 2, column 12"),
    ],
)
def test_what_is_too_big_when_it_runs_has_its_line_and_column(lab: Lab, source: str, place: str) -> None:
    """The metadata tell line, column, limit and estimate; the message shows the line with a caret."""
    error = lab.limited(Limits(elements=1_000)).refusal(lab.build(source, {"x": X}))
    assert isinstance(error, LimitExceeded)
    assert error.message.startswith(f"{place}: `.repeat` would make 80,000 elements, but the limit is 1,000")
    assert (error.metadata["limit"], error.metadata["estimate"]) == ("1000", "80000")
    assert f"line {error.metadata['line']}, column {error.metadata['column']}" == place
    assert error.message.endswith("^")
