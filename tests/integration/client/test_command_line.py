from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from google.protobuf.json_format import Parse
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.v1.graph_pb2 import AutogradGraph

if TYPE_CHECKING:
    from tests.integration.client.conftest import Running
    from typer.testing import Result

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"
PULLBACK = Path(sys.executable).parent / "pullback"

# Seconds after which a test that waits has failed.
PATIENCE = 30.0


def _pullback(running: Running, *words: str, stdin: str = "") -> Result:
    return CliRunner().invoke(
        app, [*words, "--address", running.address], input=stdin, catch_exceptions=False
    )


def test_eval_prints_value_and_gradient(running: Running) -> None:
    """A bare number is a float32 tensor with a gradient."""
    result = _pullback(running, "eval", QUARTIC, "x=2")
    assert result.exit_code == 0, result.stderr
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["value", "y", "float32[]", "63."],
        ["gradient", "x", "float32[]", "93."],
    ]


def test_export_writes_what_its_files_name_asks_for(running: Running, tmp_path: Path) -> None:
    """The suffix chooses the format; the names of inputs and outputs are printed; another suffix writes nothing."""
    for name in ("model.onnx", "model.pt2"):
        result = _pullback(running, "export", QUARTIC, "x=2", "--outputs", "y", "-o", f"{tmp_path}/{name}")
        assert result.exit_code == 0, result.stderr
        assert result.stdout == "input   x\noutput  y\n"
        assert (tmp_path / name).read_bytes() == b"value_only ['y']"
    result = _pullback(running, "export", QUARTIC, "x=2", "-o", f"{tmp_path}/model.txt")
    assert result.exit_code == 2
    assert "'model.txt' ends in none of .onnx, .pt2" in " ".join(result.stderr.replace("│", "").split())
    result = _pullback(running, "export", QUARTIC, "x=2", "-o", f"{tmp_path}/none/model.onnx")
    assert result.exit_code == 2
    assert not (tmp_path / "model.txt").exists()


def test_eval_prints_one_json_object(running: Running, tmp_path: Path) -> None:
    """Values of every kind are JSON that any reader takes."""
    np.save(tmp_path / "a.npy", np.array([[1, 2]], dtype=np.int16))
    words = ["eval", "echo", "x=nan", "w=[1,-Infinity]", "c=1+2j", "b=true", f"a=@{tmp_path}/a.npy"]
    result = _pullback(running, *words, "--json")
    document = json.loads(result.stdout, parse_constant=pytest.fail)
    assert document["values"] == {
        "a": [[1, 2]],
        "b": True,
        "c": [1.0, 2.0],
        "w": [1.0, "-Infinity"],
        "x": "NaN",
    }
    assert document["absent_gradients"] == {"idle": "independent"}
    assert (document["printed"], document["device"]) == ("hello\n", "cpu")


def test_eval_prints_what_the_program_printed_and_why_a_gradient_is_absent(running: Running) -> None:
    """The program's own text comes first; bfloat16 is called so."""
    result = _pullback(running, "eval", "echo", "x:bfloat16=[1.5]", "--graph")
    assert result.stdout.splitlines()[0] == "hello"
    assert "bfloat16[1]" in result.stdout
    assert "the outputs do not depend on it" in result.stdout
    assert "1  AccumulateGrad x" in result.stdout


@pytest.mark.parametrize("place", ["file", "stdin"])
def test_a_program_may_lie_in_a_file_or_come_in(running: Running, tmp_path: Path, place: str) -> None:
    """@FILE and - are read as source text."""
    file = tmp_path / "program.py"
    file.write_text(QUARTIC)
    word = f"@{file}" if place == "file" else "-"
    assert "63." in _pullback(running, "eval", word, "x=2", stdin=QUARTIC).stdout


def test_a_refused_evaluation_exits_with_1(running: Running) -> None:
    """The service's message goes to standard error, without a traceback."""
    result = _pullback(running, "eval", "y = nope")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "pullback: program: line 1, column 5: no such name `nope`\n"


def test_wrong_usage_exits_with_2(running: Running) -> None:
    """What cannot be understood is said before anything is sent."""
    for words in (["x"], ["x=one"], ["x=1", "x=2"], ["x=@nowhere.npy"], ["--device", "tpu"]):
        assert _pullback(running, "eval", QUARTIC, *words).exit_code == 2
    assert running.service.request_ids == []


def test_an_absent_service_exits_with_3(running: Running) -> None:
    """A script can tell it from a wrong program."""
    running.stop()
    result = _pullback(running, "eval", QUARTIC, "x=2")
    assert result.exit_code == 3
    assert running.address in result.stderr
    assert "Traceback" not in result.stderr


def test_an_interrupt_exits_with_130(running: Running) -> None:
    """Ctrl-C while waiting ends the command quietly."""
    words: list[str | Path] = [PULLBACK, "eval", "gated", "x=2", "--address", running.address]
    # Tests that a shell runs in its background are started with SIGINT ignored; children would inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        signal.signal(signal.SIGINT, before)
        assert running.service.entered.wait(PATIENCE)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_check_points_at_the_fault(running: Running) -> None:
    """Place, message, line and caret are printed, and the exit status is 1."""
    result = _pullback(running, "check", "y = nope")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "program:1:5: no such name `nope`",
        "    y = nope",
        "        ^^^^",
    ]


def test_check_says_what_an_accepted_program_needs(running: Running) -> None:
    """Inputs, outputs and ops are printed, and the exit status is 0."""
    result = _pullback(running, "check", QUARTIC)
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["inputs", "x"],
        ["outputs", "y"],
        ["ops", "operator.add"],
    ]


def test_check_says_what_an_evaluation_would_take(running: Running) -> None:
    """With inputs, by value or by description, shapes and estimates are printed too."""
    for binding in ("x:float32[64,3]", f"x={np.zeros((64, 3)).tolist()}"):
        result = _pullback(running, "check", QUARTIC, binding)
        assert result.exit_code == 0, result.stderr
        assert "  x.grad = float32[64, 3]\n" in result.stdout
        assert "  work     12,345 multiplications and element visits\n" in result.stdout


def test_graph_writes_every_form(running: Running, tmp_path: Path) -> None:
    """JSON and binary files hold the same graph; DOT is what is printed without a file."""
    for name in ("g.json", "g.pb", "g.binpb", "g.dot"):
        result = _pullback(running, "graph", QUARTIC, "x=2", "-o", str(tmp_path / name))
        assert result.exit_code == 0, result.stderr
    binary = AutogradGraph.FromString((tmp_path / "g.pb").read_bytes())
    assert [node.name for node in binary.nodes] == ["MulBackward0", "AccumulateGrad"]
    assert (tmp_path / "g.binpb").read_bytes() == (tmp_path / "g.pb").read_bytes()
    assert Parse((tmp_path / "g.json").read_text(), AutogradGraph()) == binary
    assert (tmp_path / "g.dot").read_text() == _pullback(running, "graph", QUARTIC, "x=2").stdout


def test_graph_names_the_forms_there_are(running: Running, tmp_path: Path) -> None:
    """An unknown suffix is wrong usage, told before anything is computed."""
    result = _pullback(running, "graph", QUARTIC, "x=2", "-o", str(tmp_path / "g.png"))
    assert result.exit_code == 2
    assert ".svg, .dot, .gv, .mmd, .graphml, .json, .txtpb, .pb, .binpb" in result.stderr
    assert running.service.request_ids == []
