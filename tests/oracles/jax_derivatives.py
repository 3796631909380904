"""What jax gives for the twenty functions, as one file of arrays. Run as a module, with the file's path.

A process of its own: jax has threads, and other tests fork.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from tests.oracles.twenty_functions import ALL, COUNT, SCALARS, Function, cotangents, directions

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The highest order of the derivatives by scalars.
ORDERS = 5


def arrays() -> Iterator[tuple[str, Any]]:
    """Gives each array with its key: the function's name, the kind, and what it belongs to, between bars."""
    for function in ALL:
        call, args, names = _function(function)
        numbers = tuple(range(len(args)))
        value = call(*args)
        yield _key(function, "value"), value
        for name, block in zip(names, jax.jacrev(call, argnums=numbers)(*args), strict=True):
            yield _key(function, "jacobian", name), block
        along = directions(function)
        pull = jax.vjp(call, *args)[1]
        for row, seed in enumerate(cotangents(value.shape)):
            tangents = tuple(jnp.asarray(along[name][row]) for name in names)
            yield _key(function, "jvp", row), jax.jvp(call, tuple(args), tangents)[1]
            for name, gradient in zip(names, pull(jnp.asarray(seed)), strict=True):
                yield _key(function, "vjp", name, row), gradient
    for function in SCALARS:
        yield from _second(function)
    for function in SCALARS[:4]:
        yield from _nth(function)


def _second(function: Function) -> Iterator[tuple[str, Any]]:
    call, args, names = _function(function)
    numbers = tuple(range(len(args)))
    gradient = jax.grad(call, argnums=numbers)
    for name, array in zip(names, gradient(*args), strict=True):
        yield _key(function, "gradient", name), array
    blocks: Any = jax.hessian(call, argnums=numbers)(*args)
    for row, of_row in zip(names, blocks, strict=True):
        for column, block in zip(names, of_row, strict=True):
            yield _key(function, "hessian", row, column), block
    squares = [np.asarray(blocks[i][i]).reshape(args[i].size, args[i].size) for i in numbers]
    yield _key(function, "laplacian"), sum(map(np.trace, squares))
    along = directions(function)
    for number in range(COUNT):
        tangents = tuple(jnp.asarray(along[name][number]) for name in names)
        for name, product in zip(names, jax.jvp(gradient, tuple(args), tangents)[1], strict=True):
            yield _key(function, "product", name, number), product


def _nth(function: Function) -> Iterator[tuple[str, Any]]:
    call, args, names = _function(function)
    for number, name in enumerate(names):
        derivative = call
        for order in range(1, ORDERS + 1):
            derivative = jax.grad(derivative, argnums=number)
            yield _key(function, "nth", name, order), derivative(*args)


def _function(function: Function) -> tuple[Any, list[Any], list[str]]:
    names = list(function.shapes)
    return (
        lambda *args: function.jax(jnp, *args),
        [jnp.asarray(function.inputs[name]) for name in names],
        names,
    )


def _key(function: Function, *parts: object) -> str:
    return "|".join([function.name, *map(str, parts)])


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
    found: dict[str, Any] = {key: np.asarray(array) for key, array in arrays()}
    np.savez(sys.argv[1], **found)
