"""What is exported, what is not, and what is said of it. Each op has its turn in tests/integration/engine."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import onnx
import pytest
import torch
from tests.exports.oracle import check_archive, check_model, evaluation, run_model

from pullback.contract.errors import InvalidArgument, LimitExceeded, ProgramError
from pullback.contract.limits import Limits
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

ONNX, TORCH = pb.EXPORT_FORMAT_ONNX, pb.EXPORT_FORMAT_TORCH_EXPORT
BOTH = pytest.mark.parametrize("form", [ONNX, TORCH], ids=["onnx", "torch_export"])
X = {"x": torch.linspace(-1.0, 2.0, 12, dtype=torch.float64).reshape(3, 4)}

PROGRAMS = {
    "polynomial": "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1",
    "function and loop": "def f(a):\n    for i in range(3):\n        a = a*0.01 + i\n    return a\ny = f(x).sum()",
    "numbers": "import math\nn = x.shape[0]\ny = x*math.sqrt(2.0)*n if n > 2 else x",
    "constants": "y = torch.tensor([1.0, 1e-12, 3.0, 0.1], dtype=torch.float64) + x + 1e-12",
    "infinities": "y = (x/0).clamp(max=float('inf')) + x.nan_to_num(nan=float('nan'), posinf=7.5)",
    "gathering": "y = x[[0, 2], 1:][..., None] + x[x.argmax(0), 0].sum()",
    "equation": "y = torch.einsum(' i j , k j -> i k ', x, x)",
    "leaves": "w = torch.ones(4, requires_grad=True)\nwith torch.no_grad():\n    a = w*2\ny = (a*x).detach()",
    "tuples": "values, places = x.max(dim=1)\na, b, c = x\ny = values + places + a[0]*b[1]",
    "its input": "y = x",
    "a number": "y = 3",
    "bfloat16": "y = x.bfloat16().float()",
}


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS.keys())
def test_a_program_gives_the_same_values_elsewhere(lab: Lab, program: str) -> None:
    """From the archive torch gives the evaluation's bits, and from the model onnxruntime its values."""
    check_archive(lab.engine.evaluate(evaluation(program, X, TORCH, "y")), X)
    check_model(lab.engine.evaluate(evaluation(program, X, ONNX, "y")), X, "y")


def test_names_of_a_model_are_the_programs(lab: Lab) -> None:
    """Inputs and outputs have their names, whatever the exporter calls its own, and `_out` where two would clash."""
    inputs = X | {"mul": X["x"], "val_0": X["x"]}
    program = "add = x*mul + val_0\nx = add.exp()\nx_out = x*2"
    result = lab.engine.evaluate(evaluation(program, inputs, ONNX, "x", "add", "mul", "x_out"))
    assert result.artifact.inputs == ["mul", "val_0", "x"]
    assert result.artifact.outputs == ["x_out_", "add", "mul_out", "x_out"]
    graph = onnx.load_model_from_string(result.artifact.data).graph
    assert [each.name for each in graph.input] == result.artifact.inputs
    assert [each.name for each in graph.output] == result.artifact.outputs
    check_model(result, inputs, "x", "add", "mul", "x_out")


def test_an_archive_tells_its_names_and_holds_no_name_or_number_of_the_tenants_elsewhere(lab: Lab) -> None:
    """Names are in a file of their own: what torch makes source text of has our names only. Inputs are left out."""
    secret = {"tenants_input": torch.tensor([1234.5678901])}
    result = lab.engine.evaluate(evaluation("tenants_output = tenants_input*2", secret, TORCH))
    with zipfile.ZipFile(io.BytesIO(result.artifact.data)) as archive:
        texts = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert json.loads(texts.pop("extra/pullback.json")) == {
        "inputs": ["tenants_input"], "outputs": ["tenants_output"]
    }  # fmt: skip
    whole = b"".join(texts.values())
    assert b"tenants" not in whole
    assert secret["tenants_input"].numpy().tobytes() not in whole


def test_nodes_bear_their_places_and_no_paths(lab: Lab) -> None:
    """Each operation says the line and column that it is from; nothing says where this project or torch lies."""
    program = "a = x.exp()\ny = a.sum()"
    model = lab.engine.evaluate(evaluation(program, X, ONNX)).artifact.data
    nodes = onnx.load_model_from_string(model).graph.node
    assert [node.doc_string for node in nodes] == ["line 1, column 5", "line 2, column 5"]
    archive = lab.engine.evaluate(evaluation(program, X, TORCH)).artifact.data
    assert b"line 2, column 5" in archive
    for data in (model, archive):
        assert b".py" not in data
        assert os.path.dirname(sys.executable).encode() not in data  # noqa: PTH120 - a text, not a path to be opened


REFUSED = {
    "y = x.sum()\ny.backward()": (2, 1, "`.backward`: cannot be exported: it differentiates"),
    "y = torch.autograd.grad((x*x).sum(), x)[0]": (
        1,
        5,
        "`torch.autograd.grad`: cannot be exported: it different",
    ),
    "a = 2*x\ny = torch.randn(3, 4) + a": (
        2,
        5,
        "`torch.randn`: cannot be exported: it draws random numbers",
    ),
    "y = F.dropout(x, 0.5, False)": (1, 5, "`F.dropout`: cannot be exported: it draws random numbers"),
    "y = x\nprint(y)": (2, 1, "`print` cannot be exported"),
    "y = x*2\ny = y[y > 1].sum()": (2, 5, "`[...]`: cannot be exported: its result depends on the elements"),
    "y = x.unique()": (1, 5, "`.unique`: cannot be exported: its result depends on the elements"),
    "y = x*float(x.sum())": (1, 7, "`float`: cannot be exported: its result depends on the elements"),
    "n = x.sum().item()\ny = x*n": (1, 5, "`.item`: cannot be exported: its result depends on the elements"),
    "y = 1 if x.requires_grad else 2": (
        1,
        10,
        "`.requires_grad`: cannot be exported: it asks for what autograd",
    ),
    "y = x\nwith torch.no_grad():\n    y += 1": (
        3,
        5,
        "`+=`: cannot be exported: it may change a leaf in place",
    ),
    "def f(a):\n    return a.nonzero()\ny = f(x)": (2, 12, "`.nonzero`: cannot be exported"),
}


@BOTH
@pytest.mark.parametrize("program", REFUSED)
def test_what_a_graph_cannot_hold_is_refused_with_its_place(
    lab: Lab, form: pb.ExportFormat, program: str
) -> None:
    """The error names the operation, the reason, the line and the column; without an export the program runs."""
    line, column, message = REFUSED[program]
    request = evaluation(program, X, form)
    request.gradient.SetInParent()
    request.cotangents["y"].CopyFrom(lab.engine.evaluate(evaluation("y = x", X, TORCH)).values["y"])
    if "y.backward" in program or "y = x\n" not in program:
        request.cotangents.clear()
        request.value_only.SetInParent()
    if "backward" in program or "autograd" in program:
        request.gradient.SetInParent()
    with pytest.raises(ProgramError) as caught:
        lab.engine.evaluate(request)
    assert (caught.value.metadata["line"], caught.value.metadata["column"]) == (str(line), str(column))
    assert message in caught.value.message
    request.export = pb.EXPORT_FORMAT_UNSPECIFIED
    assert not lab.engine.evaluate(request).HasField("artifact")


UNTRANSLATED = {
    "a = x + 1\ny = torch.special.airy_ai(a)": (2, 5, "torch.special.airy_ai"),
    "y = torch.linalg.svd(x)[1]": (1, 5, "torch.linalg.svd"),
    "y = F.avg_pool2d(x[None], 2, divisor_override=3)": (1, 5, "F.avg_pool2d"),
    "y = F.cross_entropy(x, x.softmax(1))": (1, 5, "F.cross_entropy"),
    "y = F.cross_entropy(x, x.argmax(1), label_smoothing=0.1)": (1, 5, "F.cross_entropy"),
    "y = F.binary_cross_entropy(x.sigmoid().float(), x.sigmoid().float(), weight=x)": (
        1,
        5,
        "F.binary_cross_entropy",
    ),
    "y = x.scatter_reduce(0, x.argmax(0)[None], x, 'mean')": (1, 5, ".scatter_reduce"),
}


@pytest.mark.parametrize("program", UNTRANSLATED)
def test_what_torch_cannot_translate_rightly_is_refused_for_onnx_alone(lab: Lab, program: str) -> None:
    """ONNX has no such operation, or torch's translation gives other values; the archive holds it all the same."""
    line, column, op = UNTRANSLATED[program]
    with pytest.raises(
        ProgramError, match=rf"`{op}`.* cannot be exported: torch has no right translation"
    ) as caught:
        lab.engine.evaluate(evaluation(program, X, ONNX))
    assert (caught.value.metadata["line"], caught.value.metadata["column"]) == (str(line), str(column))
    check_archive(lab.engine.evaluate(evaluation(program, X, TORCH)), X)


def test_a_complex_input_or_output_is_none_of_onnxs(lab: Lab) -> None:
    """The error names it; complex numbers on the way are exported."""
    with pytest.raises(InvalidArgument, match=r"`y` is complex128\[3, 4\]; ONNX has no complex"):
        lab.engine.evaluate(evaluation("y = torch.fft.fft(x)", X, ONNX))
    with pytest.raises(InvalidArgument, match=r'inputs\["c"\] is complex64\[\]; ONNX has no complex'):
        lab.engine.evaluate(evaluation("y = c.abs()", {"c": torch.tensor(1 + 2j)}, ONNX))
    check_model(lab.engine.evaluate(evaluation("y = torch.fft.fft(x).abs()", X, ONNX)), X, single=True)


@BOTH
def test_an_export_has_limits_of_its_own(lab: Lab, form: pb.ExportFormat) -> None:
    """Operations, items of tuples among them, are bounded, and so is the file together with the values."""
    few = lab.limited(Limits(export_ops=10))
    check = evaluation("y = x\nfor i in range(9):\n    y = y.sin()", X, form)
    assert few.engine.evaluate(check).artifact.data
    for program in ("y = x\nfor i in range(11):\n    y = y.sin()", "y = x.flatten().unbind(0)[0]"):
        with pytest.raises(LimitExceeded, match="operations of a graph, but the limit is 10") as caught:
            few.engine.evaluate(evaluation(program, X, form))
        assert caught.value.metadata["limit_name"] == "PULLBACK_LIMITS_EXPORT_OPS"
    small = lab.limited(Limits(result_bytes=200))
    with pytest.raises(LimitExceeded, match="values, gradients and the exported program take"):
        small.engine.evaluate(check)


def test_an_unknown_format_is_refused(lab: Lab) -> None:
    """A newer client's format is not taken for another."""
    with pytest.raises(InvalidArgument, match="export: 9 is not a known format"):
        lab.engine.evaluate(evaluation("y = x", X, 9))  # type: ignore[arg-type]  # unknown


def test_values_gradients_and_graph_come_as_without_an_export(lab: Lab) -> None:
    """An export adds the artifact to a result, and changes nothing else, whatever runs beside it."""
    wanted = evaluation("y = (x**2).sum()", X, ONNX)
    wanted.gradient.SetInParent()
    wanted.return_graph = True
    without = pb.Evaluation.FromString(wanted.SerializeToString())
    without.export = pb.EXPORT_FORMAT_UNSPECIFIED
    first, second, third = lab.engine.evaluate_many([without, wanted, without])
    assert isinstance(second, pb.Result)
    assert first == third
    assert second.artifact.format == ONNX
    second.ClearField("artifact")
    assert second == first


_DIGESTS = """
import hashlib, sys, torch
from tests.exports.oracle import evaluation
from pullback.engine import Engine, configure_torch
configure_torch()
x = {"x": torch.ones(3, 4), "w": torch.ones(4, 2)}
for form in (2, 1):
    for program in ("y = (x @ w).tanh()\\nz = torch.tensor([1.0, 2.0])*y + 0.5", "y = F.layer_norm(x, [4]).softmax(0)"):
        data = Engine().evaluate(evaluation(program, x, form)).artifact.data
        print(hashlib.sha256(data).hexdigest())
"""


def test_the_same_evaluation_gives_the_same_bytes_in_another_process() -> None:
    """No time, hash seed or address gets into a file."""
    found = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", _DIGESTS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert len(set(found.pop().split())) == 4


def test_a_model_of_no_operations_runs(lab: Lab) -> None:
    """An input that is returned is copied, so that input and output are two values."""
    result = lab.engine.evaluate(evaluation("x", X, ONNX))
    (value,) = run_model(result.artifact.data, X)
    assert (value == X["x"].numpy()).all()
