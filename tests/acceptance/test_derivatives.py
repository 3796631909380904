"""The page about derivatives, and every kind of them over gRPC, with running processes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.client import (
    Client,
    Evaluated,
    InvalidArgument,
    Jacobian,
    LimitExceeded,
    NthDerivative,
    Spec,
    evaluation,
)

if TYPE_CHECKING:
    from tests.acceptance.system import System

PAGE = Path(__file__).parents[2].joinpath("docs/derivatives.md").read_text()
ROSENBROCK = "y = (100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2).sum()"


def test_the_pages_examples_for_python_hold(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    """They print what the page says."""
    scope: dict[str, Any] = {"address": system.address}
    for code, printed in re.findall(r"```python\n(.+?)```\n\n```text\n(.+?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/derivatives.md", "exec"), scope)  # noqa: S102 - our own page
        assert capsys.readouterr().out == printed


def test_the_pages_example_for_the_shell_holds(system: System) -> None:
    """The command prints what the page says."""
    ((command, printed),) = re.findall(r"```console\n\$ pullback (.+)\n([^`]+)```", PAGE)
    result = CliRunner().invoke(app, [*shlex.split(command), "--address", system.address])
    assert (result.exit_code, result.stdout) == (0, printed)


def test_a_batch_of_every_kind_is_answered(system: System) -> None:
    """Over the stream, one bad one among them."""
    x = np.asarray([1.0, 2.0])
    asked = [
        evaluation("y = x**2", x=x, derivative="jacobian"),
        evaluation("y = x**2", x=x, derivative="jvp"),
        evaluation("y = (x**2).sum()", x=x, derivative="laplacian"),
        evaluation("y = x**2", x=x, derivative=Jacobian("forward")),
        evaluation("y = x**2", x=1.0, derivative=NthDerivative(2)),
    ]
    with Client(system.address) as client:
        found = dict(client.evaluate_many(asked))
    refused = found.pop(1)
    given = {index: each for index, each in found.items() if isinstance(each, Evaluated)}

    assert isinstance(refused, InvalidArgument)
    assert refused.field == "tangents"
    assert given[0].jacobian["y", "x"].tolist() == [[2, 0], [0, 4]]
    assert given[2].laplacian == 4
    assert given[3].jacobian["y", "x"].tolist() == [[2, 0], [0, 4]]
    assert given[4].derivatives["x"] == 2


def test_a_job_of_a_derivative_is_kept_with_its_result(system: System) -> None:
    """A Hessian, submitted and fetched."""
    with Client(system.address) as client:
        future = client.jobs.submit(ROSENBROCK, {"x": np.asarray([1.0, 1.0])}, derivative="hessian")
        np.testing.assert_allclose(future.result().hessian["x", "x"], [[802, -400], [-400, 200]])


def test_what_does_not_go_together_is_refused_at_the_door(system: System) -> None:
    """By the gateway, before anything is queued: the field, and what to do."""
    with Client(system.address) as client:
        with pytest.raises(InvalidArgument, match="takes no cotangents") as caught:
            client.evaluate("y = x", x=[1.0], derivative="jacobian", cotangents={"y": [1.0]})
        assert caught.value.field == "cotangents"
        with pytest.raises(InvalidArgument, match="which a Hessian cannot look into"):
            client.evaluate("y = x**2\ny.backward()", x=1.0, derivative="hessian")
        with pytest.raises(LimitExceeded, match="values and gradients take"):
            client.evaluate("y = x*2", x=np.ones(5_000), derivative="jacobian")


def test_a_check_says_what_a_derivative_would_give_and_take(system: System) -> None:
    """Shapes of blocks and products, and estimates that the evaluation keeps to."""
    x = {"x": Spec("float64", (100,))}
    with Client(system.address) as client:
        hessian = client.check(ROSENBROCK, inputs=x, derivative="hessian").estimates
        gradient = client.check(ROSENBROCK, inputs=x).estimates
        moved = client.check(
            "y = x[:3]", inputs=x, derivative="jvp", tangents={"x": Spec("float64", (7, 100))}, stacked=True
        ).estimates
    assert hessian is not None
    assert gradient is not None
    assert moved is not None
    assert hessian.blocks == {("x", "x"): Spec("float64", (100, 100))}
    assert hessian.work > gradient.work
    assert moved.tangents == {"y": Spec("float64", (7, 3))}


def test_a_sweep_gives_what_its_rows_give(system: System) -> None:
    """Many points in one evaluation, with the bytes of evaluations of their own."""
    points = np.arange(-2, 2, 0.04)
    with Client(system.address) as client:
        swept = client.evaluate("y = 2*x**4 + x**3", x=points, batched_inputs="x")
        rows = dict(
            client.evaluate_many(evaluation("y = 2*x**4 + x**3", x=float(x)) for x in points.astype("f4"))
        )
        narrow = client.evaluate("y = 2*x**4 + x**3", x=points.astype("f4"), batched_inputs="x")
        with pytest.raises(InvalidArgument, match="is no input"):
            client.evaluate("y = x", x=points, batched_inputs="w")
        checked = client.check("y = x**2", inputs={"x": Spec("float32", (9,))}, batched_inputs="x").estimates

    np.testing.assert_allclose(swept.gradients["x"], 8 * points**3 + 3 * points**2, rtol=1e-9)
    alone = [row.gradient for _, row in sorted(rows.items()) if isinstance(row, Evaluated)]
    assert narrow.gradients["x"].tolist() == [float(each) for each in alone]
    assert checked is not None
    assert checked.gradients == {"x": Spec("float32", (9,))}
