"""Every kind of derivative against systems that share nothing with ours: jax, `torch.func`, scipy, closed forms."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import scipy.optimize
import torch
from tests.oracles.twenty_functions import ALL, COUNT, SCALARS, Function, cotangents, directions

from pullback.engine.wire import read
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from tests.unit.engine.conftest import Lab

MODES = [pb.Jacobian.MODE_UNSPECIFIED, pb.Jacobian.MODE_FORWARD, pb.Jacobian.MODE_REVERSE]

#: By function, kind, and what it belongs to.
Oracle = dict[str, "NDArray[Any]"]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """What jax gives, from a process of its own."""
    path = tmp_path_factory.mktemp("jax") / "derivatives.npz"
    subprocess.run([sys.executable, "-m", "tests.oracles.jax_derivatives", str(path)], check=True)
    with np.load(path) as arrays:
        return dict(arrays)


def _ids(function: Function) -> str:
    return function.name


def _close(found: torch.Tensor, expected: object) -> None:
    np.testing.assert_allclose(found.numpy(), np.asarray(expected), rtol=1e-9, atol=1e-9)


def test_there_are_twenty_functions() -> None:
    """Each under a name of its own."""
    assert len({function.name for function in ALL}) == 20


@pytest.mark.parametrize("mode", MODES, ids=pb.Jacobian.Mode.Name)
@pytest.mark.parametrize("function", ALL, ids=_ids)
def test_a_jacobian_is_that_of_jax(lab: Lab, oracle: Oracle, function: Function, mode: int) -> None:
    """By each input, forward and in reverse."""
    names = list(function.shapes)
    found = lab.engine.evaluate(lab.ask("jacobian", function.program, function.inputs, wrt=names, mode=mode))
    blocks = lab.blocks(found)

    assert list(blocks) == [("y", name) for name in names]
    for name in names:
        _close(blocks["y", name], oracle[f"{function.name}|jacobian|{name}"])
    _close(lab.value(found, "y"), oracle[f"{function.name}|value"])


@pytest.mark.parametrize("function", ALL, ids=_ids)
def test_a_jacobian_vector_product_is_that_of_jax(lab: Lab, oracle: Oracle, function: Function) -> None:
    """Along one direction, and along a stack of three."""
    along = directions(function)
    stack = lab.engine.evaluate(
        lab.ask("jvp", function.program, function.inputs, tangents=along, stacked=True)
    )
    for row in range(COUNT):
        tangents = {name: np.asarray(each[row]) for name, each in along.items()}
        lone = lab.engine.evaluate(lab.ask("jvp", function.program, function.inputs, tangents=tangents))

        _close(read(lone.tangents["y"]), oracle[f"{function.name}|jvp|{row}"])
        _close(read(stack.tangents["y"])[row], oracle[f"{function.name}|jvp|{row}"])
    _close(lab.value(lone, "y"), oracle[f"{function.name}|value"])
    assert stack.values["y"] == lone.values["y"]


@pytest.mark.parametrize("function", ALL, ids=_ids)
def test_a_vector_jacobian_product_is_that_of_jax(lab: Lab, oracle: Oracle, function: Function) -> None:
    """For one cotangent, and for a stack of three."""
    seeds = cotangents(oracle[f"{function.name}|value"].shape)
    stack = lab.engine.evaluate(
        lab.ask("gradient", function.program, function.inputs, cotangents={"y": seeds}, stacked=True)
    )
    for row in range(COUNT):
        lone = lab.run(function.program, function.inputs, cotangents={"y": np.asarray(seeds[row])})
        for name in function.shapes:
            expected = oracle[f"{function.name}|vjp|{name}|{row}"]
            _close(lab.gradient(lone, name), expected)
            _close(lab.gradient(stack, name)[row], expected)


@pytest.mark.parametrize("function", SCALARS, ids=_ids)
def test_a_hessian_is_that_of_jax(lab: Lab, oracle: Oracle, function: Function) -> None:
    """In blocks, with the gradient."""
    names = list(function.shapes)
    found = lab.engine.evaluate(lab.ask("hessian", function.program, function.inputs, wrt=names))
    blocks = lab.blocks(found)

    assert list(blocks) == [(row, column) for row in names for column in names]
    for (row, column), block in blocks.items():
        _close(block, oracle[f"{function.name}|hessian|{row}|{column}"])
    for name in names:
        _close(lab.gradient(found, name), oracle[f"{function.name}|gradient|{name}"])


@pytest.mark.parametrize("function", SCALARS, ids=_ids)
def test_a_hessian_vector_product_is_that_of_jax(lab: Lab, oracle: Oracle, function: Function) -> None:
    """Along one direction, and along a stack of three."""
    along, kind = directions(function), "hessian_vector_product"
    stack = lab.engine.evaluate(
        lab.ask(kind, function.program, function.inputs, tangents=along, stacked=True)
    )
    for row in range(COUNT):
        tangents = {name: np.asarray(each[row]) for name, each in along.items()}
        lone = lab.engine.evaluate(lab.ask(kind, function.program, function.inputs, tangents=tangents))
        for name in function.shapes:
            expected = oracle[f"{function.name}|product|{name}|{row}"]
            _close(read(lone.products[name]), expected)
            _close(read(stack.products[name])[row], expected)


@pytest.mark.parametrize("function", SCALARS, ids=_ids)
def test_a_laplacian_is_the_trace_of_the_hessian_of_jax(lab: Lab, oracle: Oracle, function: Function) -> None:
    """Over all inputs."""
    found = lab.engine.evaluate(lab.ask("laplacian", function.program, function.inputs))

    _close(read(found.laplacian), oracle[f"{function.name}|laplacian"])


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("function", SCALARS[:4], ids=_ids)
def test_an_nth_derivative_is_that_of_jax(lab: Lab, oracle: Oracle, function: Function, order: int) -> None:
    """By each of the scalars, the others held still."""
    names = list(function.shapes)
    found = lab.engine.evaluate(
        lab.ask("nth_derivative", function.program, function.inputs, wrt=names, order=order)
    )
    for name in names:
        _close(lab.blocks(found)["y", name], oracle[f"{function.name}|nth|{name}|{order}"])


@pytest.mark.parametrize("function", ALL, ids=_ids)
def test_a_jacobian_is_that_of_torch_func(lab: Lab, function: Function) -> None:
    """Which runs the program's own text, locally."""
    names = list(function.shapes)
    scope: dict[str, Any] = {"torch": torch}
    exec(f"def call({', '.join(names)}):\n    {function.program}\n    return y", scope)  # noqa: S102 - a test's own text
    args = tuple(torch.from_numpy(function.inputs[name]) for name in names)
    expected = torch.func.jacrev(scope["call"], argnums=tuple(range(len(args))))(*args)
    found = lab.engine.evaluate(lab.ask("jacobian", function.program, function.inputs, wrt=names))

    for name, block in zip(names, expected, strict=True):
        _close(lab.blocks(found)["y", name], block)


@pytest.mark.parametrize("size", [2, 3, 10])
def test_the_rosenbrock_function_is_that_of_scipy(lab: Lab, size: int) -> None:
    """Value, gradient, Hessian and products with it."""
    program = "y = (100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2).sum()"
    draws = np.random.default_rng(size)
    x, along = draws.normal(size=size), draws.normal(size=size)
    found = lab.engine.evaluate(lab.ask("hessian", program, {"x": x}))
    product = lab.engine.evaluate(lab.ask("hessian_vector_product", program, {"x": x}, tangents={"x": along}))

    _close(lab.value(found, "y"), scipy.optimize.rosen(x))
    _close(lab.gradient(found, "x"), scipy.optimize.rosen_der(x))
    _close(lab.blocks(found)["x", "x"], scipy.optimize.rosen_hess(x))
    _close(read(product.products["x"]), scipy.optimize.rosen_hess_prod(x, along))


@pytest.mark.parametrize("order", [1, 2, 3, 4, 5])
def test_the_derivatives_of_a_sine_go_in_a_circle(lab: Lab, order: int) -> None:
    """sin, cos, -sin, -cos, sin."""
    found = lab.engine.evaluate(
        lab.ask("nth_derivative", "y = torch.sin(x)", {"x": np.asarray(0.7)}, order=order)
    )
    _close(lab.blocks(found)["y", "x"], math.sin(0.7 + order * math.pi / 2))


def test_a_harmonic_function_has_no_laplacian(lab: Lab) -> None:
    """The real part of z**3; and that of the squared radius in three dimensions is 6."""
    point = {"x": np.asarray(0.3), "y": np.asarray(-1.2)}
    harmonic = lab.engine.evaluate(lab.ask("laplacian", "u = x**3 - 3*x*y**2", point))
    radius = lab.engine.evaluate(lab.ask("laplacian", "u = (x**2).sum()", {"x": np.asarray([1.0, 2.0, 3.0])}))

    _close(read(harmonic.laplacian), 0)
    _close(read(radius.laplacian), 6)
