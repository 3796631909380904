"""The page about graphs, and graphs over gRPC, with running processes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.client import Client, Evaluated, evaluation
from pullback.client.graphs import FORMATS, to_svg

if TYPE_CHECKING:
    from tests.acceptance.system import System

PAGE = Path(__file__).parents[2].joinpath("docs/graphs.md").read_text()


@pytest.mark.usefixtures("graphviz")
def test_the_pages_examples_hold(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command writes a picture, and the code prints what the page says."""
    monkeypatch.chdir(tmp_path)
    ((command,),) = [re.findall(r"```console\n\$ pullback (.+)\n```", PAGE)]
    result = CliRunner().invoke(app, [*shlex.split(command), "--address", system.address])
    assert result.exit_code == 0, result.output
    assert "<svg" in Path("graph.svg").read_text()
    scope: dict[str, Any] = {"address": system.address}
    for code, printed in re.findall(r"```python\n(.+?)```\n\n```text\n(.+?)```", PAGE, re.DOTALL):
        exec(compile(code, "docs/graphs.md", "exec"), scope)  # noqa: S102 - our own page
        assert capsys.readouterr().out == printed
    assert "<svg" in scope["picture"]


def test_every_form_of_the_page_is_there_is() -> None:
    """And none that is not."""
    (table,) = re.findall(r"\| file \|.+?\n\n", PAGE, re.DOTALL)
    assert set(re.findall(r"`(\.\w+)`", table)) == set(FORMATS)


@pytest.mark.usefixtures("graphviz")
def test_a_graph_is_the_same_under_load_and_on_every_worker(system: System) -> None:
    """A hundred times among other evaluations, by whichever evaluator."""
    program = "a = x.sin()*x.cos()\nb = torch.stack([a, a*x, x]).logsumexp(0)\ny = (b @ b) + a.max()"
    x = [0.0, 0.25, 0.5]
    asked = [evaluation(program, x=x, return_graph=number % 2 == 0) for number in range(200)]
    with Client(system.address) as client:
        found = dict(client.evaluate_many(asked, batch=16))
        given = [each for number, each in found.items() if number % 2 == 0]
        graphs = {
            each.message.graph.SerializeToString(deterministic=True)
            for each in given
            if isinstance(each, Evaluated)
        }
        again = client.evaluate(program, x=x, return_graph=True)

    assert len(given) == 100
    assert graphs == {again.message.graph.SerializeToString(deterministic=True)}
    assert again.graph is not None
    assert again._repr_svg_() == to_svg(again.graph)


@pytest.mark.usefixtures("graphviz")
@pytest.mark.parametrize("suffix", sorted(FORMATS))
@pytest.mark.parametrize("show", ["program", "both"])
def test_the_command_writes_the_program_in_every_form(
    system: System, tmp_path: Path, show: str, suffix: str
) -> None:
    """Alone, and beside the autograd graph."""
    file = tmp_path / f"graph{suffix}"
    words = ["graph", "y = (a*2 + a).sum()", "a=[1,2]", "--show", show, "--most", "50", "-o", str(file)]
    result = CliRunner().invoke(app, [*words, "--address", system.address])
    assert result.exit_code == 0, result.output
    assert file.stat().st_size > 100
