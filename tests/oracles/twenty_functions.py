"""Twenty functions three times over: as programs, for torch, and for jax. Scalars, vectors, matrices, several inputs.

The copy for jax is written with jax's own functions: an oracle that shares torch's kernels would share their faults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Function:
    """A function of float64 arrays.

    Attributes:
        name: what the tests call it.
        program: computes `y` from its inputs.
        jax: the same, given jax.numpy and the inputs in the order of `shapes`.
        shapes: of its inputs, by name.
        lowest: of the elements of its inputs, which go up to `highest`.
        highest: see `lowest`.
    """

    name: str
    program: str
    jax: Callable[..., Any]
    shapes: dict[str, tuple[int, ...]]
    lowest: float = -1.5
    highest: float = 1.5

    @property
    def inputs(self) -> dict[str, NDArray[np.float64]]:
        """Elements that are the same each time."""
        draws = np.random.default_rng(len(self.program))
        return {
            name: np.asarray(draws.uniform(self.lowest, self.highest, shape))
            for name, shape in self.shapes.items()
        }


def _softmax(jnp: Any, x: Any) -> Any:
    shifted = jnp.exp(x - x.max())
    return shifted / shifted.sum()


SCALARS = (
    Function(
        "quartic",
        "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1",
        lambda _, x: 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1,
        {"x": ()},
    ),
    Function("sine of square", "y = torch.sin(x**2)", lambda jnp, x: jnp.sin(x**2), {"x": ()}),
    Function("logistic", "y = 1/(1 + torch.exp(-x))", lambda jnp, x: 1 / (1 + jnp.exp(-x)), {"x": ()}),
    Function(
        "two scalars",
        "y = torch.exp(x)*torch.cos(z) + x*z**2",
        lambda jnp, x, z: jnp.exp(x) * jnp.cos(z) + x * z**2,
        {"x": (), "z": ()},
    ),
    Function(
        "Rosenbrock",
        "y = (100*(x[1:] - x[:-1]**2)**2 + (1 - x[:-1])**2).sum()",
        lambda jnp, x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2),
        {"x": (5,)},
    ),
    Function(
        "log sum exp",
        "y = torch.logsumexp(x, 0)",
        lambda jnp, x: jnp.log(jnp.exp(x).sum()),
        {"x": (6,)},
    ),
    Function("product", "y = torch.prod(x)", lambda jnp, x: jnp.prod(x), {"x": (4,)}),
    Function("norm", "y = torch.linalg.norm(x)", lambda jnp, x: jnp.sqrt((x**2).sum()), {"x": (4,)}, 0.5, 2),
    Function("quadratic form", "y = x @ a @ x", lambda _, a, x: x @ a @ x, {"a": (4, 4), "x": (4,)}),
    Function(
        "least squares",
        "y = ((a @ x - b)**2).mean()",
        lambda _, a, b, x: ((a @ x - b) ** 2).mean(),
        {"a": (5, 3), "b": (5,), "x": (3,)},
    ),
    Function(
        "log determinant",
        "y = torch.logdet(a @ a.T + 3*torch.eye(3, dtype=torch.float64))",
        lambda jnp, a: jnp.linalg.slogdet(a @ a.T + 3 * jnp.eye(3))[1],
        {"a": (3, 3)},
    ),
    Function(
        "cross entropy",
        "y = -torch.log_softmax(w @ x, 0)[1]",
        lambda jnp, w, x: -jnp.log(_softmax(jnp, w @ x))[1],
        {"w": (3, 4), "x": (4,)},
    ),
    Function(
        "two layers",
        "y = (v @ torch.tanh(w @ x + b))**2",
        lambda jnp, b, v, w, x: (v @ jnp.tanh(w @ x + b)) ** 2,
        {"b": (5,), "v": (5,), "w": (5, 3), "x": (3,)},
    ),
)

ARRAYS = (
    Function("elementwise", "y = torch.sin(x)*x", lambda jnp, x: jnp.sin(x) * x, {"x": (5,)}),
    Function("softmax", "y = torch.softmax(x, 0)", _softmax, {"x": (5,)}),
    Function(
        "polar",
        "y = torch.stack([x[0]*torch.cos(x[1]), x[0]*torch.sin(x[1])])",
        lambda jnp, x: jnp.stack([x[0] * jnp.cos(x[1]), x[0] * jnp.sin(x[1])]),
        {"x": (2,)},
    ),
    Function("outer", "y = torch.outer(u, v)", lambda jnp, u, v: jnp.outer(u, v), {"u": (3,), "v": (2,)}),
    Function("product of matrices", "y = a @ b", lambda _, a, b: a @ b, {"a": (2, 3), "b": (3, 4)}),
    Function(
        "solution",
        "y = torch.linalg.solve(a @ a.T + 3*torch.eye(3, dtype=torch.float64), x)",
        lambda jnp, a, x: jnp.linalg.solve(a @ a.T + 3 * jnp.eye(3), x),
        {"a": (3, 3), "x": (3,)},
    ),
    Function(
        "cumulative",
        "y = torch.cumsum(x**2, 0)*torch.exp(s)",
        lambda jnp, s, x: jnp.cumsum(x**2) * jnp.exp(s),
        {"s": (), "x": (6,)},
    ),
)

ALL = SCALARS + ARRAYS

#: How many directions and cotangents each function is tried with.
COUNT = 3


def directions(function: Function) -> dict[str, NDArray[np.float64]]:
    """Gives directions in which the inputs move, stacked, by name."""
    draws = np.random.default_rng(7)
    return {name: draws.normal(size=(COUNT, *shape)) for name, shape in function.shapes.items()}


def cotangents(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Gives cotangents of a value, stacked."""
    return np.random.default_rng(3).normal(size=(COUNT, *shape))
