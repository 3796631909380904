"""What every participant computes: value and gradient of one polynomial in float64, with closed forms."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROGRAM = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# Relative. A float64 sum of five positive terms is off by a few units in the 16th digit, whatever the order.
TOLERANCE = 1e-12

# Distinct points until they repeat; far more than a row computes.
POINTS = 10_000_000


class WrongAnswerError(Exception):
    """An answer differs from the closed form."""


def points() -> Iterator[float]:
    """Yields distinct positive points in [0.5, 4.5), where no term cancels another."""
    for index in itertools.count():
        yield 0.5 + 4.0 * (index % POINTS) / POINTS


def check(xs: Sequence[float], values: Sequence[float], gradients: Sequence[float]) -> None:
    """Compares every answer with the closed form.

    Raises:
        WrongAnswerError: a value or a gradient is wrong, or one is missing.
    """
    x = np.asarray(xs, dtype=np.float64)
    _compare("value", x, values, 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1)
    check_gradients(xs, gradients)


def check_gradients(xs: Sequence[float], gradients: Sequence[float]) -> None:
    """Compares gradients alone with the closed form.

    Raises:
        WrongAnswerError: a gradient is wrong, or one is missing.
    """
    x = np.asarray(xs, dtype=np.float64)
    _compare("gradient", x, gradients, 8 * x**3 + 3 * x**2 + 6 * x + 5)


def _compare(what: str, x: np.ndarray, found: Sequence[float], expected: np.ndarray) -> None:
    if len(found) != len(x):
        raise WrongAnswerError(f"{len(x)} points, {len(found)} {what}s")
    wrong = ~np.isclose(np.asarray(found, dtype=np.float64), expected, rtol=TOLERANCE, atol=0.0)
    if wrong.any():
        at = int(np.argmax(wrong))
        raise WrongAnswerError(f"{what} at x={x[at]!r} is {found[at]!r}, expected {expected[at]!r}")
