from __future__ import annotations

from datetime import UTC, datetime

import pytest

from pullback.client import Diagnostic, Estimates, Evaluated, Spec, evaluation, tensor
from pullback.client.checks import read_check
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2, tensor_pb2
from pullback.v1.graph_pb2 import AutogradGraph


def _evaluated(request: pb.Evaluation | None = None, /, **fields: object) -> Evaluated:
    return Evaluated(pb.Result(**fields), request or pb.Evaluation())  # type: ignore[arg-type]


def test_the_value_is_the_last_output_that_was_asked_for() -> None:
    """A map has no order of its own: values follow the request's outputs."""
    names = ["z", "a", "m", "b"]
    values = {name: tensor(float(number)) for number, name in enumerate(names)}
    evaluated = _evaluated(evaluation("", outputs=names), values=values)
    assert list(evaluated.values) == names
    assert evaluated.value == 3.0
    assert evaluated.value.shape == ()


def test_gradients_follow_the_names_asked_for() -> None:
    """Gradients come in the order of `wrt`, then by name."""
    gradients = {name: tensor(1.0) for name in "wabx"}
    assert list(_evaluated(evaluation("", wrt=["x", "b"]), gradients=gradients).gradients) == [
        "x",
        "b",
        "a",
        "w",
    ]


def test_the_gradient_is_there_where_it_is_the_only_one() -> None:
    """One gradient is given; none and several are an error that names them."""
    assert _evaluated(gradients={"x": tensor(93.0)}).gradient == 93.0
    with pytest.raises(ValueError, match="none"):
        _ = _evaluated().gradient
    with pytest.raises(ValueError, match="w, x"):
        _ = _evaluated(gradients={"x": tensor(1.0), "w": tensor(1.0)}).gradient


def test_an_array_is_the_callers_own() -> None:
    """Writing into a value changes it for good and nothing else."""
    evaluated = _evaluated(values={"y": tensor([1.0, 2.0])})
    evaluated.values["y"][0] = 5.0
    assert evaluated.values["y"].tolist() == [5.0, 2.0]
    assert evaluated.message.values["y"] == tensor([1.0, 2.0])


@pytest.mark.parametrize("code", [code for code in pb.GradientAbsence.values() if code])
def test_every_reason_for_an_absent_gradient_has_a_word(code: int) -> None:
    """The words are the wire's names without their prefix."""
    name = pb.GradientAbsence.Name(code)
    reason = _evaluated(absent_gradients={"x": code}).absent_gradients["x"]
    assert reason == name.removeprefix("GRADIENT_ABSENCE_").lower()


def test_a_graph_is_there_only_where_it_was_sent() -> None:
    """An absent graph is None, an empty one is a graph."""
    assert _evaluated().graph is None
    assert _evaluated(graph=AutogradGraph()).graph == AutogradGraph()


def test_the_circumstances_are_read() -> None:
    """Printed text, device, worker, engine and times are those of the message."""
    evaluated = _evaluated(printed="hi\n", device=pb.DEVICE_CUDA, worker="w1", engine="0.1.0+torch2")
    evaluated.message.timings.start_time.FromJsonString("2026-01-02T03:04:05.5Z")
    assert (evaluated.printed, evaluated.device) == ("hi\n", "cuda")
    assert (evaluated.worker, evaluated.engine) == ("w1", "0.1.0+torch2")
    assert evaluated.timings.start_time == datetime(2026, 1, 2, 3, 4, 5, 500_000, tzinfo=UTC)


def test_a_result_shows_its_numbers() -> None:
    """What a prompt prints has values and gradients."""
    shown = repr(_evaluated(values={"y": tensor(63.0)}, gradients={"x": tensor(93.0)}))
    assert "63." in shown
    assert "93." in shown


def test_a_check_is_read_whole() -> None:
    """Every field of the answer is in the dataclass."""
    fault = gradient_pb2.Diagnostic(
        line=1, column=5, message="no", source_line="y = z", caret_line="    ^", suggestion="x"
    )
    checked = read_check(
        gradient_pb2.CheckProgramResponse(
            diagnostics=[fault],
            inputs=["x"],
            outputs=["y"],
            ops=["torch.sin"],
            calls_backward=True,
            statement_count=2,
        )
    )
    assert checked.diagnostics == (Diagnostic(1, 5, "no", "y = z", "    ^", "x"),)
    assert (checked.inputs, checked.outputs, checked.ops) == (("x",), ("y",), ("torch.sin",))
    assert (checked.calls_backward, checked.statement_count) == (True, 2)


def test_estimates_are_read_whole() -> None:
    """Specifications by name, reasons as words, figures as they came."""
    message = pb.Estimates(live_bytes=3, work=4, dispatched_ops=5)
    message.values["y"].dtype = tensor_pb2.DATA_TYPE_FLOAT64
    message.gradients["x"].CopyFrom(tensor_pb2.TensorSpec(dtype=tensor_pb2.DATA_TYPE_INT8, shape=[2, 3]))
    message.absent_gradients["w"] = pb.GRADIENT_ABSENCE_INDEPENDENT
    checked = read_check(gradient_pb2.CheckProgramResponse(estimates=message))
    assert checked.estimates == Estimates(
        {"y": Spec("float64")}, {"x": Spec("int8", (2, 3))}, {"w": "independent"}, 3, 4, 5
    )
    assert str(Spec("int8", (2, 3))) == "int8[2, 3]"
