"""Like evaluations computed together: nothing about an evaluation's result shows who its neighbours were."""

from __future__ import annotations

import random
import re
from operator import add, mul, sub, truediv
from operator import pow as power
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pullback.contract.errors import InternalFault
from pullback.contract.limits import Limits
from pullback.contract.program.ops import OPS
from pullback.engine import Engine, row_plan
from pullback.engine.row_ops import POINTWISE_ROW_OPS
from pullback.engine.row_plan import MAX_ROWS, ROW_BLOCK
from pullback.engine.rows import RowRunner
from pullback.engine.wire import raw_bytes
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import ArrayLike, NDArray
    from tests.unit.engine.conftest import Lab

    from pullback.engine.rows import RowData

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# NaNs of either sign, and one with a payload of its own.
NANS = np.array([0x7FF8 << 48, 0xFFF8 << 48, (0x7FF8 << 48) + (1 << 40)], dtype="u8").view("f8")

# Numbers at which kernels take other ways than elsewhere, and which must not reach a neighbour.
SPECIAL = [*NANS, 0.0, -0.0, np.inf, -np.inf, 1.0, -1.0, 1e30, -1e30, 1e-40, 0.5, 2.0]

# Row shapes of x, w and v: numbers, vectors that fill no vector register, and the broadcasts between them.
SHAPES = [((), (), ()), ((3,), (), (3,)), ((2, 3), (3,), ()), ((17,), (1,), (17,))]

# How many rows there are to choose neighbours from, and how many of them are compared with a lone run.
MANY, COMPARED = 96, 8

_SYMBOLS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**",
    "and_": "&", "or_": "|", "xor": "^", "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
    "neg": "-", "pos": "+", "invert": "~",
}  # fmt: skip


def _expression(key: str) -> str | None:
    """Writes a call of an op on x, w and v; None where it takes something else."""
    op = OPS[key]
    short = key.rpartition(".")[2]
    for signature in op.signatures:
        names = iter("xwv")
        words = []
        for param in signature.params:
            if not param.required and param.name not in {"min", "max"}:
                continue
            if param.name in {"condition", "mask"}:
                words.append("(v > 0)")
            elif param.kinds[0] in {"int", "number", "float"} or param.name == "value":
                words.append("2" if param.kinds[0] == "int" else "0.5")
            elif param.kinds[0] in {"tensor", "operand"}:
                words.append(next(names))
            elif param.kinds[0] == "dtype":
                words.append("torch.float64")
        return _call(op.kind, key, short, words)
    return None


def _call(kind: str, key: str, short: str, words: list[str]) -> str:
    if short in {"and_", "or_", "xor", "invert"}:
        words = [f"({word} > 0)" for word in words]
    match kind:
        case "operator" if len(words) == 2:
            return f"({words[0]} {_SYMBOLS[short]} {words[1]})"
        case "operator":
            return f"({_SYMBOLS[short]}{words[0]})"
        case "attribute":
            return f"{words[0]}.{short}"
        case "method":
            return f"{words[0]}.{short}({', '.join(words[1:])})"
        case "builtin":
            return f"{short}({', '.join(words)})"
    return f"{key}({', '.join(words)})"


def _rows(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> NDArray[np.generic]:
    """Gives `MANY` rows: half of them ordinary, the others full of special numbers."""
    rows = rng.normal(size=(MANY, *shape)) * rng.choice([0.1, 1, 10], size=(MANY, *shape))
    special = rng.random(rows.shape) < np.resize([0, 0.5], MANY).reshape(MANY, *(1 for _ in shape))
    rows[special] = rng.choice(SPECIAL, size=special.sum())
    with np.errstate(all="ignore"):
        typed: NDArray[np.generic] = rows.astype(dtype)
        return typed


def _evaluations(
    lab: Lab, program: str, shapes: Sequence[tuple[int, ...]], dtype: str, *, value_only: bool = False
) -> list[evaluation_pb2.Evaluation]:
    rng = np.random.default_rng(7)
    named = {
        name: shape for name, shape in zip("xwv", shapes, strict=True) if re.search(rf"\b{name}\b", program)
    }
    data = {name: _rows(rng, shape, dtype) for name, shape in named.items()}
    return [
        lab.build(program, {name: rows[index] for name, rows in data.items()}, value_only=value_only)
        for index in range(MANY)
    ]


def _bytes(outcomes: Iterable[object]) -> Iterator[bytes]:
    for outcome in outcomes:
        assert isinstance(outcome, evaluation_pb2.Result), outcome
        yield outcome.SerializeToString(deterministic=True)


def _runner(lab: Lab, evaluation: evaluation_pb2.Evaluation) -> RowRunner | None:
    return lab.engine._new_runner(evaluation)


def _runs_in_rows(lab: Lab, evaluation: evaluation_pb2.Evaluation) -> bool:
    return _runner(lab, evaluation) is not None


def _check_company(lab: Lab, evaluations: Sequence[evaluation_pb2.Evaluation], sizes: Iterable[int]) -> None:
    """Asserts that rows give the bytes that they give alone, at random places of batches of some sizes."""
    alone = list(_bytes(lab.engine.evaluate(evaluation) for evaluation in evaluations[:COMPARED]))
    rng = random.Random(3)  # noqa: S311 - places in a batch, no secret
    for size in sizes:
        chosen = [*range(COMPARED), *rng.choices(range(MANY), k=MANY)][:size]
        rng.shuffle(chosen)
        together = _bytes(lab.engine.evaluate_many([evaluations[index] for index in chosen]))
        for index, data in zip(chosen, together, strict=True):
            assert index >= COMPARED or data == alone[index], evaluations[index]


@pytest.mark.parametrize("key", sorted(POINTWISE_ROW_OPS))
def test_an_ops_bits_do_not_depend_on_its_batch(lab: Lab, key: str) -> None:
    """Value and gradient are the same alone and at any place of a batch, whatever the neighbours hold."""
    expression = _expression(key)
    planned = 0
    for value_only, program in ((True, f"y = {expression}"), (False, f"y = ({expression}).sum()")):
        for dtype in ("f4", "f8"):
            for shapes in SHAPES:
                evaluations = _evaluations(lab, program, shapes, dtype, value_only=value_only)
                if _runs_in_rows(lab, evaluations[0]):
                    planned += 1
                    _check_company(lab, evaluations, (33, MANY))
    assert planned


@pytest.mark.parametrize("key", sorted(POINTWISE_ROW_OPS))
def test_an_ops_bits_do_not_depend_on_the_rows_of_a_stack(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Swept in the biggest stacks or in small ones, values and gradients have the same bytes."""
    expression = _expression(key)
    sweeps = [
        _whole_sweep(lab, program, dtype, value_only=value_only)
        for value_only, program in ((True, f"y = {expression}"), (False, f"y = ({expression}).sum()"))
        for dtype in ("f4", "f8")
        if _runs_in_rows(lab, _evaluations(lab, program, SHAPES[0], dtype, value_only=value_only)[0])
    ]
    assert sweeps
    swept = []
    for most in (MAX_ROWS, 8 * ROW_BLOCK):
        monkeypatch.setattr(row_plan, "MAX_ROWS", most)
        swept.append([*_bytes(Engine().evaluate_many(sweeps))])
    assert swept[0] == swept[1]


def _whole_sweep(lab: Lab, program: str, dtype: str, *, value_only: bool) -> evaluation_pb2.Evaluation:
    """Writes a sweep of more rows than a stack holds, with special numbers among them."""
    rng = np.random.default_rng(5)
    names = [name for name in "xwv" if re.search(rf"\b{name}\b", program)]
    data = {name: np.resize(_rows(rng, (), dtype), MAX_ROWS + 77) for name in names}
    evaluation = lab.build(program, data, value_only=value_only)
    evaluation.batched_inputs.extend(data)
    return evaluation


PROGRAMS = [
    QUARTIC,
    "y = (3*x + 2*w).mean()",
    "y = (x*w - v/2).sum() + x.mean()",
    "a = torch.exp(-x**2)\nb = a / (1 + a)\ny = (b*w).sum() * b.mean()",
    "y = (torch.log1p(x.abs()) * (v > 0)).sum() / x.numel()",
    "k = math.sqrt(2.0)\ny = (k*x.sin() + w.cos()).sum()",
]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("shapes", SHAPES)
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_programs_bits_do_not_depend_on_its_batch(
    lab: Lab, program: str, shapes: Sequence[tuple[int, ...]], dtype: str
) -> None:
    """Chains of ops, reductions among them, keep the promise that each op keeps."""
    evaluations = _evaluations(lab, program, shapes, dtype)
    if program == QUARTIC and shapes[0]:
        evaluations = _evaluations(lab, f"{program}\ny = y.sum()", shapes, dtype)
    assert _runs_in_rows(lab, evaluations[0])
    _check_company(lab, evaluations, (2, 31, 32, 33, 64, 65, MANY))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_batch_size_gives_the_quartics_bits(lab: Lab, dtype: str) -> None:
    """From one row to three blocks, with and without padding."""
    _check_company(lab, _evaluations(lab, QUARTIC, SHAPES[0], dtype), range(1, MANY + 1))


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(width=32), min_size=1, max_size=70))
def test_rows_agree_with_plain_torch(lab: Lab, points: list[float]) -> None:
    """Each row is what torch gives for that point by itself, up to rounding."""
    results = lab.engine.evaluate_many([lab.build(QUARTIC, {"x": torch.tensor(point)}) for point in points])
    for point, result in zip(points, results, strict=True):
        x = torch.tensor(point, requires_grad=True)
        y = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
        (slope,) = torch.autograd.grad(y, x)
        assert isinstance(result, evaluation_pb2.Result)
        torch.testing.assert_close(lab.value(result, "y"), y.detach(), equal_nan=True, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(lab.gradient(result, "x"), slope, equal_nan=True, rtol=1e-5, atol=1e-5)


def test_broadcasting_within_a_row_agrees_with_plain_torch(lab: Lab) -> None:
    """Operands of different ranks meet as they would alone, and each gradient has its leaf's shape."""
    rng = torch.Generator().manual_seed(1)
    shapes = {"a": (), "b": (3,), "c": (2, 1)}
    for _ in range(3):
        inputs = {n: torch.randn(s, dtype=torch.float64, generator=rng) for n, s in shapes.items()}
        result = lab.run("y = (a*b + torch.exp(c) - b/c).mean()", inputs)
        a, b, c = (tensor.requires_grad_() for tensor in inputs.values())
        y = (a * b + torch.exp(c) - b / c).mean()
        gradients = torch.autograd.grad(y, (a, b, c))
        torch.testing.assert_close(lab.value(result, "y"), y.detach())
        for name, gradient in zip(inputs, gradients, strict=True):
            torch.testing.assert_close(lab.gradient(result, name), gradient)


@pytest.mark.parametrize(
    ("program", "inputs", "rows"),
    [
        (QUARTIC, {"x": np.float32(2)}, True),
        ("y = (x*w).sum()", {"x": np.ones(3), "w": np.float64(1)}, True),
        ("n = x.numel()\ny = x.sum()/n", {"x": np.ones(3)}, True),
        ("y = (x*w).sum()", {"x": np.ones(3, "f4"), "w": np.float64(1)}, False),  # promoted by rank
        ("y = (x*((x > 0)/2)).sum()", {"x": np.ones(3)}, False),  # float32 out of a bool
        ("y = (x > 0).sum() * x.sum()", {"x": np.ones(3)}, False),  # an integer
        ("y = torch.clamp(input=x, min=0.5).sum()", {"x": np.ones(3)}, True),
        ("y = x.sum()\nprint(y)", {"x": np.ones(3)}, False),
        ("y = x.detach().sum() * x.sum()", {"x": np.ones(3)}, False),
        ("y = x.sum(0)", {"x": np.ones(3)}, False),
        ("y = x @ x", {"x": np.ones(3)}, False),
        ("y = x.sum()", {"x": np.ones((65, 64))}, False),
        ("y = x.sum()", {"x": np.ones(0)}, False),
        ("y = 2*x", {"x": np.ones(3)}, False),  # refused, with its place, where it runs alone
        ("y = x.sum()", {"x": np.ones(3, "c8")}, False),
    ],
)
def test_the_evaluation_alone_decides(
    lab: Lab, program: str, inputs: dict[str, ArrayLike], rows: bool
) -> None:
    """Elementwise programs over one floating-point type run in rows; whatever else there is runs alone."""
    assert _runs_in_rows(lab, lab.build(program, inputs)) is rows


@pytest.mark.parametrize("program", ["y = x.sum()\nz = 5", "y = 2*x.sum()\nz = x > 0\nw = x"])
def test_every_kind_of_output_comes_out_of_rows(lab: Lab, program: str) -> None:
    """Plain numbers, masks and untouched inputs are outputs like others."""
    names = [line.split()[0] for line in program.split("\n")]
    inputs = {"x": torch.tensor([1.0, -2.0])}
    evaluation = lab.build(program, inputs, outputs=names, value_only=True)
    assert _runs_in_rows(lab, evaluation)
    alone = lab.run(f"{program}\nprint(y)", inputs, outputs=names, value_only=True)
    assert lab.engine.evaluate(evaluation).values == alone.values


def test_absent_gradients_come_out_of_rows(lab: Lab) -> None:
    """An input that is not read, and one that the last output does not depend on, are told apart from the others."""
    evaluation = lab.build("y = 2*b\nz = a*a", {"a": np.float32(3), "b": np.float32(1), "c": np.float32(1)})
    assert _runs_in_rows(lab, evaluation)
    result = lab.engine.evaluate(evaluation)
    assert lab.gradient(result, "a").item() == 6
    independent = evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
    assert dict(result.absent_gradients) == {"b": independent, "c": independent}


FUNCTIONS: dict[str, Callable[..., torch.Tensor]] = {"+": add, "-": sub, "*": mul, "/": truediv, "**": power}

# Numbers that no float32 holds, that fit no float32 at all, and that it holds only after one rounding, not two.
NUMBERS = [2, -3, 0.1, 1e300, 1e-46, 2**53 + 1, 2**62 + 2**38 + 1, -(2**63), 0, -0.0, True]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("symbol", FUNCTIONS)
@pytest.mark.parametrize("is_left", [False, True])
def test_a_number_in_rows_is_the_number_of_plain_torch(
    lab: Lab, symbol: str, number: float, dtype: torch.dtype, *, is_left: bool
) -> None:
    """Value and gradient have the bits that torch gives for the stack with the number as Python has it."""
    if symbol in {"-", "**"} and number is True:
        pytest.skip("torch refuses to subtract a bool, and cannot differentiate a power of one")
    rng = torch.Generator().manual_seed(5)
    stack = torch.cat([torch.randn(48, generator=rng, dtype=dtype), torch.tensor(SPECIAL, dtype=dtype)])
    stack = torch.cat([stack, stack[-1:].expand(-len(stack) % 32)])
    function = FUNCTIONS[symbol]
    leaves = stack.clone().requires_grad_()
    values = function(number, leaves) if is_left else function(leaves, number)
    (slopes,) = torch.autograd.grad(values, leaves, torch.ones_like(values), allow_unused=True)
    program = f"y = ({number}) {symbol} x" if is_left else f"y = x {symbol} ({number})"
    evaluations = [lab.build(program, {"x": point}) for point in stack]
    assert _runs_in_rows(lab, evaluations[0])
    results = lab.engine.evaluate_many(evaluations)
    for result, value, slope in zip(results, values.detach(), slopes, strict=True):
        assert isinstance(result, evaluation_pb2.Result), result
        assert_same(lab.value(result, "y"), value)
        assert_same(lab.gradient(result, "x"), slope)


def assert_same(found: torch.Tensor, wanted: torch.Tensor) -> None:
    """Asserts that two numbers have the same bits, or are both NaN."""
    assert found.dtype is wanted.dtype
    assert raw_bytes(found) == raw_bytes(wanted) or bool(found.isnan() & wanted.isnan())


@pytest.mark.parametrize("count", [1, 16, 32, 33, 64])
def test_nans_are_one_in_lone_rows_and_in_many(lab: Lab, count: int) -> None:
    """A computed NaN has the same bits, however it came about; one that is handed on keeps its own."""
    evaluations = [
        lab.build("y = x + w\nz = x", {"x": nan, "w": nan}, outputs=["y", "z"], value_only=True)
        for nan in np.resize(NANS, count)
    ]
    for result, nan in zip(lab.engine.evaluate_many(evaluations), np.resize(NANS, count), strict=True):
        assert isinstance(result, evaluation_pb2.Result)
        assert result.values["y"].data == np.float64(np.nan).tobytes()
        assert result.values["z"].data == nan.tobytes()


def test_one_failing_evaluation_leaves_the_others_of_its_batch_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a batch fails as a whole, each evaluation gets the outcome it has by itself."""
    evaluations = [lab.build(QUARTIC, {"x": np.float32(i)}) for i in range(5)]
    run = RowRunner.run

    def fail_on_three(runner: RowRunner, rows: Sequence[RowData]) -> list[evaluation_pb2.Result]:
        if (evaluations[3].inputs["x"].data,) in rows:
            raise RuntimeError("a fault of the kernel")
        return run(runner, rows)

    expected = lab.engine.evaluate_many(evaluations)
    monkeypatch.setattr(RowRunner, "run", fail_on_three)
    outcomes = lab.engine.evaluate_many(evaluations)
    assert isinstance(outcomes.pop(3), InternalFault)
    del expected[3]
    assert outcomes == expected


def test_a_stack_is_cut_where_it_would_grow_too_big(lab: Lab) -> None:
    """More rows than one stack holds are computed in several."""
    evaluations = [lab.build("y = (x*x).sum()", {"x": np.full(4096, i, "f4")}) for i in range(80)]
    runner = _runner(lab, evaluations[0])
    assert runner is not None
    assert runner._plan.max_rows == 64
    results = lab.engine.evaluate_many(evaluations)
    assert [
        result.gradients["x"].data[:4] for result in results if isinstance(result, evaluation_pb2.Result)
    ] == [np.float32(2 * i).tobytes() for i in range(80)]


def test_limits_hold_in_rows(lab: Lab) -> None:
    """A row that passes a limit is refused as it would be alone."""
    small = lab.limited(Limits(elements=2))
    evaluation = small.build("y = (x + w).sum()", {"x": np.ones((2, 1)), "w": np.ones(2)})
    assert "limit is 2" in str(small.refusal(evaluation))
