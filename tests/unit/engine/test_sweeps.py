"""Batched inputs: every row is what it is alone, byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded, ProgramError, PullbackError
from pullback.contract.limits import Limits
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.engine.conftest import Lab

    from pullback.v1 import tensor_pb2

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"


def _sweep(evaluation: pb.Evaluation, *names: str) -> pb.Evaluation:
    evaluation.batched_inputs.extend(names)
    return evaluation


def _tensors(result: pb.Result) -> Iterator[tuple[str, tensor_pb2.Tensor]]:
    for kind in ("values", "gradients", "tangents", "products"):
        for name, tensor in sorted(getattr(result, kind).items()):
            yield f"{kind} {name}", tensor
    for block in result.blocks:
        yield f"block {block.output} {[*block.wrt]}", block.tensor
    if result.HasField("laplacian"):
        yield "laplacian", result.laplacian


def _row(evaluation: pb.Evaluation, index: int) -> pb.Evaluation:
    """Makes a row's own evaluation, by cutting arrays."""
    row = pb.Evaluation()
    row.CopyFrom(evaluation)
    batched = [*evaluation.batched_inputs]
    row.ClearField("batched_inputs")
    tensors = [row.inputs[name] for name in batched] + [row.tangents[n] for n in batched if n in row.tangents]
    for tensor in (*tensors, *row.cotangents.values()):
        size = len(tensor.data) // tensor.shape[0]
        tensor.data = tensor.data[index * size : (index + 1) * size]
        del tensor.shape[0]
    return row


def _compare(lab: Lab, evaluation: pb.Evaluation, count: int) -> None:
    swept = lab.engine.evaluate(evaluation)
    alone = [lab.engine.evaluate(_row(evaluation, index)) for index in range(count)]
    for path, tensor in _tensors(swept):
        rows = [dict(_tensors(result))[path] for result in alone]
        assert [*tensor.shape] == [count, *rows[0].shape], path
        assert tensor.data == b"".join(row.data for row in rows), path
    assert [path for path, _ in _tensors(swept)] == [path for path, _ in _tensors(alone[0])]
    assert swept.absent_gradients == alone[0].absent_gradients
    assert swept.printed == "".join(result.printed for result in alone)


def _normal(*shape: int, dtype: str = "f8") -> np.ndarray[Any, Any]:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(dtype)


CASES: dict[str, tuple[str, str, dict[str, Any], list[str], dict[str, Any]]] = {
    "a polynomial": ("gradient", QUARTIC, {"x": _normal(77)}, ["x"], {}),
    "a polynomial in float32": ("gradient", QUARTIC, {"x": _normal(2_000, dtype="f4")}, ["x"], {}),
    "vectors": ("gradient", "y = (x*w).sum()", {"x": _normal(40, 3), "w": _normal(3)}, ["x"], {}),
    "both": ("gradient", "y = (x*w).sum()", {"x": _normal(40, 3), "w": _normal(40, 3)}, ["w", "x"], {}),
    "values alone": ("value_only", "y = x*2\nn = 3", {"x": _normal(40)}, ["x"], {"outputs": ["y", "n"]}),
    "an input that is not read": ("gradient", "y = x*x", {"x": _normal(40), "u": _normal(2)}, ["x"], {}),
    "a matrix product": ("gradient", "y = (x @ w).sum()", {"x": _normal(5, 2, 3), "w": _normal(3, 2)}, ["x"], {}),
    "cotangents": ("gradient", "y = x**2", {"x": _normal(5, 3)}, ["x"], {"cotangents": {"y": _normal(5, 3)}}),
    "a product forward": ("jvp", "y = x**2*w", {"x": _normal(5, 3), "w": _normal(3)}, ["x"],
                          {"tangents": {"x": _normal(5, 3), "w": _normal(3)}}),
    "Jacobians": ("jacobian", "y = torch.sin(x)*x.sum()", {"x": _normal(5, 3)}, ["x"], {}),
    "Hessians": ("hessian", "y = torch.sin(x).prod()", {"x": _normal(5, 3)}, ["x"], {}),
    "products": ("hessian_vector_product", "y = x.prod()", {"x": _normal(5, 3)}, ["x"],
                 {"tangents": {"x": _normal(5, 3)}}),
    "derivatives of an order": ("nth_derivative", QUARTIC, {"x": _normal(5)}, ["x"], {"order": 3}),
    "Laplacians": ("laplacian", "y = x.prod()", {"x": _normal(5, 3)}, ["x"], {}),
    "prints": ("gradient", "y = x*x\nprint(y)", {"x": _normal(3)}, ["x"], {}),
    "a backward of its own": ("gradient", "y = x*x\ny.backward()", {"x": _normal(3)}, ["x"], {}),
    "random numbers": ("gradient", "y = (x*torch.rand(3)).sum()", {"x": _normal(3, 3)}, ["x"], {}),
    "by what is bound": ("gradient", "h = x*x\ny = h**2", {"x": _normal(3)}, ["x"], {"wrt": ["h"]}),
    "one row": ("gradient", QUARTIC, {"x": _normal(1)}, ["x"], {}),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "program", "inputs", "names", "options"), CASES.values(), ids=CASES.keys())
def test_a_row_has_the_bytes_that_it_has_alone(  # noqa: PLR0917 - the columns of the table
    lab: Lab, kind: str, program: str, inputs: dict[str, Any], names: list[str], options: dict[str, Any]
) -> None:
    """Values, derivatives, absences and printed text, in order."""
    count = inputs[names[0]].shape[0]
    _compare(lab, _sweep(lab.ask(kind, program, inputs, **options), *names), count)


def test_gradients_of_rows_are_those_of_torch_func(lab: Lab) -> None:
    """Of each example's loss by shared weights, as `torch.func` takes them."""
    x, w, t = (torch.from_numpy(each) for each in (_normal(8, 3), _normal(3, 2), _normal(8, 2)))

    def loss(w: torch.Tensor, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return ((torch.tanh(x @ w) - t) ** 2).sum()

    expected = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(w, x, t)
    found = lab.engine.evaluate(
        _sweep(
            lab.build("y = ((torch.tanh(x @ w) - t)**2).sum()", {"w": w, "x": x, "t": t}, wrt=["w"]), "x", "t"
        )
    )
    torch.testing.assert_close(lab.gradient(found, "w"), expected, rtol=1e-9, atol=1e-9)


REFUSED: dict[str, tuple[list[str], dict[str, Any], str, str]] = {
    "no input": (["w"], {}, "batched_inputs[0]", "`w` is no input"),
    "twice": (["x", "x"], {}, "batched_inputs[1]", "named twice"),
    "no axis": (["s"], {}, "batched_inputs[0]", "0-d"),
    "no rows": (["e"], {}, "batched_inputs[0]", "has no rows"),
    "other sizes": (["x", "z"], {}, "batched_inputs[1]", "`z` has 4 rows, but `x` has 3"),
    "a stack": (["x"], {"stacked": True}, "stacked", "needs cotangents"),
    "a graph": (["x"], {"return_graph": True}, "return_graph", "does not go with batched inputs"),
    "an export": (["x"], {"export": pb.EXPORT_FORMAT_ONNX}, "export", "does not go with batched inputs"),
}


@pytest.mark.parametrize(("names", "fields", "field", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_a_batch_that_cannot_be_is_refused(
    lab: Lab, names: list[str], fields: dict[str, Any], field: str, words: str
) -> None:
    """With the field that is wrong."""
    inputs = {"x": np.ones(3), "z": np.ones(4), "s": np.asarray(1.0), "e": np.ones(0)}
    evaluation = _sweep(lab.build("y = (x*s).sum()", inputs), *names)
    for name, value in fields.items():
        setattr(evaluation, name, value)
    if fields.get("stacked"):
        words, field = "does not go with batched inputs", "stacked"
    error = lab.refusal(evaluation)

    assert isinstance(error, InvalidArgument)
    assert error.field == field
    assert words in error.message


def test_cotangents_of_a_batch_have_its_axis(lab: Lab) -> None:
    """One for each row."""
    evaluation = _sweep(lab.build("y = x", {"x": np.ones((3, 2))}, cotangents={"y": np.ones(2)}), "x")
    assert lab.refusal(evaluation).field == 'cotangents["y"].shape'


def test_an_error_says_in_which_row_it_is(lab: Lab) -> None:
    """With the statement, and the row among the metadata."""
    program = (
        "y = x*x\nz = torch.linalg.cholesky(y*torch.eye(2, dtype=torch.float64) - torch.eye(2))\nw = z.sum()"
    )
    error = lab.refusal(_sweep(lab.build(program, {"x": np.asarray([2.0, 3.0, 0.0])}), "x"))

    assert isinstance(error, ProgramError)
    assert error.message.startswith("row 2: line 2, column 5")
    assert error.metadata["row"] == "2"


def test_rows_of_other_shapes_cannot_be_stacked(lab: Lab) -> None:
    """The first that differs is named."""
    error = lab.refusal(
        _sweep(lab.build("y = x[x > 0]", {"x": np.asarray([[1.0, 1], [1, 1], [0, 1]])}, value_only=True), "x")
    )
    assert "row 2 gives other shapes" in error.message


LIMITED = {
    "rows": (QUARTIC, 9, Limits(rows=8), "rows"),
    "work of rows together": (QUARTIC, 1_000, Limits(work=10_000), "work"),
    "calls of rows alone": ("y = x*x\nprint(y)", 1_000, Limits(dispatched_ops=500), "dispatched_ops"),
    "bytes of rows together": (QUARTIC, 1_000, Limits(result_bytes=10_000), "result_bytes"),
    "bytes of rows alone": ("y = x*x\nprint(y)", 1_000, Limits(result_bytes=10_000), "result_bytes"),
}


@pytest.mark.parametrize(("program", "count", "limits", "name"), LIMITED.values(), ids=LIMITED.keys())
def test_limits_count_all_rows(lab: Lab, program: str, count: int, limits: Limits, name: str) -> None:
    """Whichever way they run."""
    error = lab.limited(limits).refusal(_sweep(lab.build(program, {"x": np.ones(count)}), "x"))

    assert isinstance(error, LimitExceeded)
    assert error.metadata["limit_name"] == f"PULLBACK_LIMITS_{name.upper()}"


@pytest.mark.parametrize("program", [QUARTIC, "y = x*x\nprint(y)"])
def test_a_dry_run_of_a_batch_tells_what_comes(lab: Lab, program: str) -> None:
    """Shapes with the axis of rows, and the work of all of them."""
    dry = _sweep(lab.build(program, {"x": np.ones(7)}), "x")
    dry.dry_run = True
    dry.inputs["x"].ClearField("data")
    found = lab.engine.evaluate(dry).estimates
    row = lab.build(program, {"x": np.asarray(1.0)})
    row.dry_run = True
    row.inputs["x"].ClearField("data")
    alone = lab.engine.evaluate(row).estimates

    assert [*found.values["y"].shape] == [7]
    assert [*found.gradients["x"].shape] == [7]
    assert found.work == 7 * alone.work


def test_batches_and_lone_evaluations_do_not_disturb_each_other(lab: Lab) -> None:
    """The same bytes in company, and an error of one is its own."""
    sweep = _sweep(lab.build(QUARTIC, {"x": _normal(50)}), "x")
    bad = _sweep(lab.build(QUARTIC, {"x": np.asarray(1.0)}), "x")
    lone = lab.build(QUARTIC, {"x": np.asarray(0.5)})
    first, error, second, third = lab.engine.evaluate_many([sweep, bad, lone, sweep])

    assert isinstance(error, PullbackError)
    assert first == third == lab.engine.evaluate(sweep)
    assert second == lab.engine.evaluate(lone)
