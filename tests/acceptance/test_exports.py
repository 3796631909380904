"""The page about exports, and exports over gRPC, with running processes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.client import Client, ProgramError, evaluation
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from tests.acceptance.system import System

PAGE = Path(__file__).parents[2].joinpath("docs/export.md").read_text()


def test_the_pages_example_for_the_shell_holds(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command prints what the page says, and writes a model that a runtime runs."""
    monkeypatch.chdir(tmp_path)
    ((command, printed),) = re.findall(r"```console\n\$ pullback (.+)\n([^`]+)```", PAGE)
    result = CliRunner().invoke(app, [*shlex.split(command), "--address", system.address])
    assert (result.exit_code, result.stdout) == (0, printed)
    x, w = np.array([[1, 2, 3]], np.float32), np.array([[1], [2], [3]], np.float32)
    (y,) = onnxruntime.InferenceSession("model.onnx").run(None, {"x": x, "w": w})
    np.testing.assert_allclose(y, np.tanh(x @ w), rtol=1e-6)


def test_the_pages_examples_for_python_hold(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both formats, run by what reads them, give tanh(0.3)."""
    monkeypatch.chdir(tmp_path)
    model, archive = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    scope: dict[str, Any] = {"address": system.address}
    for text in (model, archive):
        exec(compile(text, "docs/export.md", "exec"), scope)  # noqa: S102 - our own page
        np.testing.assert_allclose(np.asarray(scope["y"]), [[np.tanh(0.3)]], rtol=1e-6)


def test_the_pages_refusal_is_what_the_service_says(system: System) -> None:
    """The message, the line and the caret are those of the page; values alone come all the same."""
    (told,) = re.findall(r"```text\n(.+?)\n```", PAGE, re.DOTALL)
    program = "a = x.exp()\ny = a[a > 0].sum()"
    with Client(system.address) as client:
        with pytest.raises(ProgramError) as caught:
            client.export(program, x=[1.0, 2.0])
        assert caught.value.message == told
        assert client.evaluate(program, x=[1.0, 2.0]).value == pytest.approx(np.exp([1, 2]).sum())


def test_exports_run_among_others_on_a_stream(system: System) -> None:
    """Evaluations with and without exports, refused ones among them, each get their own outcome."""
    plain, exported, refused = (
        evaluation(program, x=2.0) for program in ("y = x**2", "y = x**3", "print(x)\ny = x")
    )
    exported.export, refused.export = pb.EXPORT_FORMAT_ONNX, pb.EXPORT_FORMAT_TORCH_EXPORT
    with Client(system.address) as client:
        outcomes = dict(client.evaluate_many([plain, exported, refused] * 4))
    for index, outcome in outcomes.items():
        if index % 3 == 2:
            assert isinstance(outcome, ProgramError)
            continue
        assert not isinstance(outcome, Exception)
        artifact = outcome.artifact
        assert (artifact is None) == (index % 3 == 0)
        if artifact is not None:
            (y,) = onnxruntime.InferenceSession(artifact.data).run(None, {"x": np.array(2, np.float32)})
            assert y == outcome.value == 8.0
    assert len(outcomes) == 12
