"""The page about gradient checks, and a check over gRPC, with running processes."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.client import Client, InvalidArgument, LimitExceeded

if TYPE_CHECKING:
    from tests.acceptance.system import System

PAGE = Path(__file__).parents[2].joinpath("docs/gradient-checks.md").read_text()


def test_the_pages_examples_for_python_hold(system: System, capsys: pytest.CaptureFixture[str]) -> None:
    """They print what the page says."""
    scope: dict[str, Any] = {"address": system.address}
    for code, printed in re.findall(r"```python\n(.+?)```\n\n```text\n(.+?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/gradient-checks.md", "exec"), scope)  # noqa: S102 - our own page
        assert capsys.readouterr().out == printed


def test_the_pages_example_for_the_shell_holds(system: System) -> None:
    """The command prints what the page says, and exits with 1, for the gradient is wrong."""
    ((command, printed),) = re.findall(r"```console\n\$ pullback (.+)\n([^`]+)```", PAGE)
    result = CliRunner().invoke(app, [*shlex.split(command), "--address", system.address])
    assert (result.exit_code, result.stdout) == (1, printed)


def test_json_has_the_report(system: System) -> None:
    """And a gradient that agrees exits with 0."""
    words = ["eval", "y = x**2", "x:float64=3", "--check-gradient", "--json", "--address", system.address]
    result = CliRunner().invoke(app, words)
    report: dict[str, Any] = json.loads(result.stdout)["gradient_checks"]["x"]

    assert result.exit_code == 0
    assert report["verdict"] == "agrees"
    assert report["worst_index"] == []
    assert report["worst_numeric"] == pytest.approx(6)


def test_a_check_that_cannot_be_made_is_refused(system: System) -> None:
    """Beside another derivative at the door, and beyond a limit with the estimate."""
    with Client(system.address) as client:
        with pytest.raises(InvalidArgument, match="only gradients are checked"):
            client.evaluate("y = x", x=[1.0], derivative="jacobian", check_gradient=True)
        with pytest.raises(LimitExceeded, match="times more"):
            client.evaluate(
                "y = x.sum()\nfor _ in range(100):\n    y = torch.sin(y)",
                x=np.ones(1000),
                check_gradient=True,
            )
