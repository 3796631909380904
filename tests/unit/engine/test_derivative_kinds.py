"""What each kind of derivative gives where there is something to it: several inputs, none, other types and graphs."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import Limits
from pullback.engine.wire import read
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.engine.conftest import Lab

X = np.asarray([1.0, 2.0, 3.0])
ONES = {"x": np.ones(3)}
KINDS = ["jvp", "jacobian", "hessian", "hessian_vector_product", "nth_derivative", "laplacian"]
INDEPENDENT = pb.GRADIENT_ABSENCE_INDEPENDENT


def _blocks(lab: Lab, evaluation: pb.Evaluation) -> dict[tuple[str, ...], list[object]]:
    return {key: block.tolist() for key, block in lab.blocks(lab.engine.evaluate(evaluation)).items()}


def _tangent(
    lab: Lab, program: str, inputs: Mapping[str, object], along: Mapping[str, object]
) -> torch.Tensor:
    found = lab.engine.evaluate(lab.ask("jvp", program, inputs, tangents=along))  # type: ignore[arg-type]
    return read(found.tangents["y"])


def test_a_jacobian_is_of_every_output_that_can_move(lab: Lab) -> None:
    """In the order of the outputs; counts have none."""
    program = "y = x*2\nz = x.sum()\nn = torch.argmax(x)"
    found = _blocks(lab, lab.ask("jacobian", program, {"x": X}, outputs=["z", "y", "n"]))

    assert list(found) == [("z", "x"), ("y", "x")]
    assert found["z", "x"] == [1, 1, 1]
    assert found["y", "x"] == [[2, 0, 0], [0, 2, 0], [0, 0, 2]]


@pytest.mark.parametrize("mode", [pb.Jacobian.MODE_FORWARD, pb.Jacobian.MODE_REVERSE])
def test_an_output_that_does_not_depend_on_an_input_has_zeros_in_its_block(lab: Lab, mode: int) -> None:
    """As long as another does; an input that none depends on is absent."""
    program = "y = x*2\nz = w**2"
    inputs = {"u": np.ones(2), "w": np.asarray(3.0), "x": X[:2]}
    evaluation = lab.ask("jacobian", program, inputs, outputs=["y", "z"], mode=mode)
    result = lab.engine.evaluate(evaluation)

    assert _blocks(lab, evaluation) == {
        ("y", "w"): [0, 0],
        ("y", "x"): [[2, 0], [0, 2]],
        ("z", "w"): 6,
        ("z", "x"): [0, 0],
    }
    assert dict(result.absent_gradients) == {"u": INDEPENDENT}


@pytest.mark.parametrize("mode", [pb.Jacobian.MODE_FORWARD, pb.Jacobian.MODE_REVERSE])
@pytest.mark.parametrize(("rows", "columns"), [(0, 3), (3, 0), (0, 0)])
def test_a_jacobian_of_nothing_or_by_nothing_has_no_elements(
    lab: Lab, rows: int, columns: int, mode: int
) -> None:
    """And the shape of both all the same."""
    inputs = {"a": np.ones((rows, columns)), "x": np.ones(columns)}
    found = lab.engine.evaluate(lab.ask("jacobian", "y = a @ x", inputs, wrt=["x"], mode=mode))

    assert [*found.blocks[0].tensor.shape] == [rows, columns]
    assert found.blocks[0].tensor.data == b""


def test_nothing_has_a_hessian_and_products_without_elements(lab: Lab) -> None:
    """Of a sum over no elements, which is 0."""
    empty = {"x": np.ones(0)}
    hessian = lab.engine.evaluate(lab.ask("hessian", "y = (x**2).sum()", empty))
    along = lab.engine.evaluate(
        lab.ask("hessian_vector_product", "y = (x**2).sum()", empty, tangents={"x": np.ones(0)})
    )
    laplacian = lab.engine.evaluate(lab.ask("laplacian", "y = (x**2).sum()", empty))
    moved = lab.engine.evaluate(lab.ask("jvp", "y = (x**2).sum()", empty, tangents={"x": np.ones(0)}))

    assert [*hessian.blocks[0].tensor.shape] == [0, 0]
    assert [*along.products["x"].shape] == [0]
    assert read(laplacian.laplacian) == 0
    assert read(moved.tangents["y"]) == 0


def test_a_hessian_of_what_is_linear_is_zero(lab: Lab) -> None:
    """In every block; the gradient is there."""
    program = "y = (2*x).sum() + w*w"
    found = lab.engine.evaluate(lab.ask("hessian", program, {"w": np.asarray(3.0), "x": X[:2]}))

    assert {key: block.tolist() for key, block in lab.blocks(found).items()} == {
        ("w", "w"): 2,
        ("w", "x"): [0, 0],
        ("x", "w"): [0, 0],
        ("x", "x"): [[0, 0], [0, 0]],
    }
    assert lab.gradient(found, "x").tolist() == [2, 2]


def test_a_hessian_with_cotangents_is_that_of_their_product(lab: Lab) -> None:
    """Of v . x**3, the diagonal of 6 v x."""
    found = lab.ask("hessian", "y = x**3", {"x": X}, cotangents={"y": np.asarray([1.0, 0.5, 2.0])})

    assert _blocks(lab, found) == {("x", "x"): [[6, 0, 0], [0, 6, 0], [0, 0, 36]]}
    assert lab.engine.evaluate(found).blocks[0].output == ""


def test_a_product_with_a_hessian_is_by_all_that_is_asked_for(lab: Lab) -> None:
    """Those without a tangent stand still, and have a product."""
    program = "y = (x**2).sum()*w"
    found = lab.engine.evaluate(
        lab.ask("hessian_vector_product", program, {"w": np.asarray(2.0), "x": X}, tangents={"x": np.ones(3)})
    )
    assert read(found.products["x"]).tolist() == [4, 4, 4]
    assert float(read(found.products["w"])) == 12


def test_a_derivative_can_be_by_what_the_program_binds(lab: Lab) -> None:
    """Alone, where no input is named, and beside one."""
    program = "h = x**2\ny = (3*h).sum()"
    gradient = lab.run(program, {"x": X}, wrt=["h"])
    both = lab.run(program, {"x": X}, wrt=["h", "x"])
    jacobian = lab.ask("jacobian", "h = x**2\ny = h*h", {"x": X[:2]}, wrt=["h"])
    hessian = lab.ask("hessian", "h = x**2\ny = (h**3).sum()", {"x": X[:2]}, wrt=["h"])

    assert lab.gradient(gradient, "h").tolist() == [3, 3, 3]
    assert lab.gradient(both, "x").tolist() == [6, 12, 18]
    assert _blocks(lab, jacobian) == {("y", "h"): [[2, 0], [0, 8]]}
    assert _blocks(lab, hessian) == {("h", "h"): [[6, 0], [0, 24]]}


def test_what_is_bound_without_a_graph_is_not_tracked(lab: Lab) -> None:
    """A constant, and what was detached."""
    found = lab.run(
        "c = torch.ones(2)\nd = x.detach()\ny = (c.sum() + d.sum())*x.sum()", {"x": X}, wrt=["c", "d"]
    )

    assert set(found.absent_gradients.values()) == {pb.GRADIENT_ABSENCE_NOT_TRACKED}
    assert set(found.absent_gradients) == {"c", "d"}


def test_a_number_that_is_bound_has_no_derivative(lab: Lab) -> None:
    """The error says what it is."""
    error = lab.refusal(lab.build("n = 3\ny = n*x.sum()", {"x": X}, wrt=["n"]))

    assert isinstance(error, InvalidArgument)
    assert error.field == "wrt[0]"
    assert "only floating-point and complex tensors have gradients" in error.message


FORWARD_LIKE_REVERSE = {
    "what is constant within no_grad": "with torch.no_grad():\n    c = x**2\ny = c*x",
    "detached": "y = x.detach()*x",
    "a gradient inside": "g, = torch.autograd.grad((x**3).sum(), x, create_graph=True)\ny = g*x",
    "a number taken out": "y = x*x.sum().item()",
    "printing": "y = x**2\nprint(y)",
    "a leaf of its own": "w = torch.ones(3, requires_grad=True)\ny = w*x**2",
    "a choice": "y = x**2 if x.sum().item() > 0 else x",
    "a loop": "y = x\nfor _ in range(3):\n    y = y*x",
    "random numbers": "y = x*torch.rand(3)",
    "asks whether it is tracked": "y = x**2 if x.requires_grad else x",
    "repeated": "y = torch.cat([x, x*2])",
    "indices": "y = x[torch.tensor([0, 0, 2])]**2",
}


@pytest.mark.parametrize("program", FORWARD_LIKE_REVERSE.values(), ids=FORWARD_LIKE_REVERSE.keys())
def test_forward_mode_gives_what_reverse_mode_gives(lab: Lab, program: str) -> None:
    """The Jacobian both ways, and the product, alone and in a stack; with the values that a gradient comes with."""
    inputs = {"x": torch.tensor([0.5, 1.5, 2.5])}
    reverse = lab.engine.evaluate(lab.ask("jacobian", program, inputs, mode=pb.Jacobian.MODE_REVERSE))
    forward = lab.engine.evaluate(lab.ask("jacobian", program, inputs, mode=pb.Jacobian.MODE_FORWARD))
    tangents = torch.tensor([[1.0, -1.0, 0.5], [0.0, 2.0, 1.0]])
    stack = lab.engine.evaluate(lab.ask("jvp", program, inputs, tangents={"x": tangents}, stacked=True))
    matrix = lab.blocks(reverse)["y", "x"]

    torch.testing.assert_close(lab.blocks(forward)["y", "x"], matrix)
    torch.testing.assert_close(read(stack.tangents["y"]), tangents @ matrix.T)
    for row in range(2):
        torch.testing.assert_close(
            _tangent(lab, program, inputs, {"x": tangents[row]}), matrix @ tangents[row]
        )
    assert stack.values["y"] == reverse.values["y"]
    assert stack.printed == reverse.printed


def test_a_complex_tangent_is_the_direction_in_which_its_input_moves(lab: Lab) -> None:
    """Of z**2 along t, 2 z t; of |z|**2, twice the real part of conj(z) t."""
    z, t = torch.tensor([1 + 2j], dtype=torch.complex128), torch.tensor([0.5 - 1j], dtype=torch.complex128)

    torch.testing.assert_close(_tangent(lab, "y = z**2", {"z": z}, {"z": t}), 2 * z * t)
    torch.testing.assert_close(_tangent(lab, "y = z.abs()**2", {"z": z}, {"z": t}), 2 * (z.conj() * t).real)


def test_a_complex_gradient_is_that_of_torch(lab: Lab) -> None:
    """Of |z|**2, 2 z; of z**2 with the cotangent v, v times the conjugate of 2 z."""
    z, v = torch.tensor([1 + 2j], dtype=torch.complex128), torch.tensor([0.5 - 1j], dtype=torch.complex128)
    real = lab.run("y = (z.abs()**2).sum()", {"z": z})
    holomorphic = lab.run("y = z**2", {"z": z}, cotangents={"y": v})

    torch.testing.assert_close(lab.gradient(real, "z"), 2 * z)
    torch.testing.assert_close(lab.gradient(holomorphic, "z"), v * (2 * z).conj())


def test_a_complex_input_counts_as_a_pair_in_a_product_with_a_hessian(lab: Lab) -> None:
    """Of a**2 b over z = a + i b: the Hessian [[2 b, 2 a], [2 a, 0]] times the parts of the tangent."""
    z, t = torch.tensor(1 + 2j, dtype=torch.complex128), torch.tensor(0.5 - 1j, dtype=torch.complex128)
    found = lab.engine.evaluate(
        lab.ask("hessian_vector_product", "y = z.real**2*z.imag", {"z": z}, tangents={"z": t})
    )
    hessian = torch.tensor([[4.0, 2.0], [2.0, 0.0]], dtype=torch.float64)

    torch.testing.assert_close(torch.view_as_real(read(found.products["z"])), hessian @ torch.view_as_real(t))


REFUSED: dict[str, tuple[str, dict[str, object], str, str]] = {
    "a tangent for no input": (
        "jvp", {"tangents": {"w": np.ones(3)}}, 'tangents["w"]', "`w` is no input"),
    "no tangent": ("jvp", {}, "tangents", "needs at least one"),
    "a tangent of another shape": (
        "jvp", {"tangents": {"x": np.ones(2)}}, 'tangents["x"]', "it is float64[2], but `x` is float64[3]"),
    "a tangent of another type": (
        "jvp", {"tangents": {"x": np.ones(3, "f4")}}, 'tangents["x"]', "it is float32[3]"),
    "wrt beside tangents": ("jvp", {"tangents": ONES, "wrt": ["x"]}, "wrt", "leave wrt out"),
    "cotangents of a product forward": (
        "jvp", {"tangents": ONES, "cotangents": {"y": np.ones(3)}}, "cotangents", "takes no cotangents"),
    "cotangents of a Jacobian": (
        "jacobian", {"cotangents": {"y": np.ones(3)}}, "cotangents", "a Jacobian takes no cotangents"),
    "tangents of a Jacobian": ("jacobian", {"tangents": ONES}, "tangents", "a Jacobian takes no tangents"),
    "tangents of a gradient": ("gradient", {"tangents": ONES}, "tangents", "a gradient takes no tangents"),
    "an unknown mode": ("jacobian", {"mode": 7}, "jacobian.mode", "7 is not a known mode"),
    "a Hessian of many": ("hessian", {}, "outputs", "only one element can be differentiated"),
    "no order": ("nth_derivative", {"order": 0}, "nth_derivative.order", "0 is not 1 or more"),
    "a derivative by many": (
        "nth_derivative", {"order": 2, "program": "y = x.sum()"}, "wrt", "by a single element"),
    "a stack without seeds": ("jacobian", {"stacked": True}, "stacked", "needs cotangents or tangents"),
    "a stack of none": (
        "jvp", {"stacked": True, "tangents": {"x": np.ones((0, 3))}}, 'tangents["x"].shape', "a stack of none"),
    "stacks of two sizes": (
        "jvp",
        {"stacked": True, "inputs": {"x": X, "w": X}, "program": "y = x*w",
         "tangents": {"x": np.ones((2, 3)), "w": np.ones((4, 3))}},
        'tangents["x"].shape', 'is a stack of 2, but tangents["w"] is one of 4'),
    "a seed that is no stack": (
        "jvp", {"stacked": True, "tangents": {"x": np.ones(3)}}, 'tangents["x"]',
        "a stack has one axis more, in front"),
    "backward of its own": (
        "hessian", {"program": "y = (x**2).sum()\ny.backward()"}, "hessian",
        "which a Hessian cannot look into"),
    "a complex Jacobian": (
        "jacobian", {"inputs": {"x": np.asarray([1j])}}, "wrt", "this derivative is by real numbers"),
    "a complex output": (
        "jacobian", {"program": "y = torch.complex(x, x)"}, "outputs", "a Jacobian is of real outputs"),
    "forward by what is bound": (
        "jacobian", {"program": "h = x*2\ny = h**2", "wrt": ["h"], "mode": 1}, "jacobian.mode",
        "only inputs can move"),
    "nothing that moves": ("jacobian", {"program": "y = x.detach()"}, "outputs", "cannot be differentiated"),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "field", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_go_together_is_refused(
    lab: Lab, kind: str, given: dict[str, object], field: str, words: str
) -> None:
    """With the field that is wrong."""
    options = dict(given)
    program, inputs = options.pop("program", "y = x**2"), options.pop("inputs", {"x": X})
    error = lab.refusal(lab.ask(kind, program, inputs, **options))  # type: ignore[arg-type]

    assert isinstance(error, InvalidArgument)
    assert error.field == field
    assert words in error.message


@pytest.mark.parametrize("kind", KINDS)
def test_a_derivative_of_a_number_is_refused(lab: Lab, kind: str) -> None:
    """Nothing that it depends on moves; a product forward says that it stands still."""
    options = {"tangents": {"x": np.asarray(1.0)}} if kind in {"jvp", "hessian_vector_product"} else {}
    evaluation = lab.ask(kind, "y = torch.tensor(3.0)", {"x": np.asarray(1.0)}, order=2, **options)  # type: ignore[arg-type]
    if kind == "jvp":
        assert read(lab.engine.evaluate(evaluation).tangents["y"]) == 0
    else:
        assert "cannot be differentiated" in lab.refusal(evaluation).message


LIMITED = {
    "a Jacobian too big for a result": ("jacobian", "y = x*2", 4_000, {}, "result_bytes"),
    "a Hessian too big for a result": ("hessian", "y = (x**2).sum()", 4_000, {}, "result_bytes"),
    "an order too high": ("nth_derivative", "y = x.sum()", 1, {"order": 6}, "graph_nesting"),
    "passes beyond the work": ("laplacian", "y = (x**2).sum()", 100_000, {}, "work"),
    "too many seeds": (
        "jvp", "y = x*2", 1, {"stacked": True, "tangents": {"x": np.ones((5_000, 1))}}, "seeds"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "program", "size", "options", "limit"), LIMITED.values(), ids=LIMITED.keys()
)
def test_a_derivative_beyond_a_limit_is_refused(  # noqa: PLR0917 - the columns of the table
    lab: Lab, kind: str, program: str, size: int, options: dict[str, object], limit: str
) -> None:
    """Before it is computed, with the limit and the estimate."""
    error = lab.refusal(lab.ask(kind, program, {"x": np.ones(size)}, **options))  # type: ignore[arg-type]

    assert isinstance(error, LimitExceeded)
    assert error.metadata["limit_name"] == f"PULLBACK_LIMITS_{limit.upper()}"
    assert int(error.metadata["estimate"]) > int(error.metadata["limit"])


def test_a_laplacian_needs_no_room_for_the_hessian(lab: Lab) -> None:
    """Of 12,000 elements, whose Hessian would take more than a gigabyte."""
    found = lab.engine.evaluate(lab.ask("laplacian", "y = (x**3).sum()", {"x": np.ones(12_000)}))
    assert read(found.laplacian) == 6 * 12_000


def test_a_stack_that_does_not_fit_into_memory_goes_in_parts(lab: Lab) -> None:
    """With the bits of one that does not, where a product is a row's own."""
    program, inputs = "y = torch.sin(x)*x", {"x": np.linspace(0, 1, 400)}
    small = lab.limited(Limits(live_bytes=2**22))
    whole = lab.engine.evaluate(lab.ask("jacobian", program, inputs, mode=2))
    parts = small.engine.evaluate(lab.ask("jacobian", program, inputs, mode=2))

    assert whole.blocks == parts.blocks


class _Counted(TorchDispatchMode):
    """Counts the kernels that run."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
        self.names.append(str(func))
        return func(*args, **(kwargs or {}))


def _forward_calls(lab: Lab, evaluation: pb.Evaluation) -> int:
    """Counts the sines, which no derivative of a sine takes a second time."""
    with _Counted() as counted:
        lab.engine.evaluate(evaluation)
    return sum(name.startswith("aten.sin.") for name in counted.names)


def test_every_derivative_comes_with_its_value_from_one_forward_pass(lab: Lab) -> None:
    """Counted by kernels: the program calls the sine once, and so does each evaluation that runs alone."""
    program, inputs = "y = torch.sin(x).sum()", {"x": torch.ones(5_000)}
    assert _forward_calls(lab, lab.build(program, inputs, value_only=True)) == 1
    assert _forward_calls(lab, lab.build(program, inputs)) == 1
    assert _forward_calls(lab, lab.ask("jvp", program, inputs, tangents=inputs)) == 1
    stack = {"x": torch.ones(3, 5_000)}
    assert _forward_calls(lab, lab.ask("jvp", program, inputs, tangents=stack, stacked=True)) == 1
    assert _forward_calls(lab, lab.ask("jacobian", program, inputs)) == 1


def test_a_hessian_is_symmetric(lab: Lab) -> None:
    """Across its blocks."""
    inputs = {"a": np.asarray([[0.3, -1.0], [0.7, 2.0]]), "b": np.asarray([0.1, 0.9])}
    found = lab.blocks(lab.engine.evaluate(lab.ask("hessian", "y = torch.exp(a @ b).sum()*b.prod()", inputs)))
    for row, column in product("ab", repeat=2):
        flat = found[row, column].reshape(inputs[row].size, inputs[column].size)
        other = found[column, row].reshape(inputs[column].size, inputs[row].size)
        torch.testing.assert_close(flat, other.T)


def test_the_same_derivative_has_the_same_bytes(lab: Lab) -> None:
    """Of every kind, in another order and beside others."""
    asked = [
        lab.ask("jvp", "y = torch.exp(x)*x", {"x": X}, tangents=ONES),
        lab.ask("jacobian", "y = torch.softmax(x, 0)", {"x": X}),
        lab.ask("hessian", "y = torch.softmax(x, 0)[0]", {"x": X}),
        lab.ask("laplacian", "y = torch.softmax(x, 0)[0]", {"x": X}),
    ]
    alone = [lab.engine.evaluate(each).SerializeToString(deterministic=True) for each in asked]
    beside = lab.engine.evaluate_many([*asked, *reversed(asked)])

    given = [each.SerializeToString(deterministic=True) for each in beside if isinstance(each, pb.Result)]
    assert given == [*alone, *reversed(alone)]
