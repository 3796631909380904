"""The options that say which derivative is wanted."""

from __future__ import annotations

import pytest
import typer

from pullback.cli.derivatives import read_derivative
from pullback.client import Jacobian, NthDerivative


def test_options_become_what_the_client_takes() -> None:
    """Each kind with its own."""
    assert read_derivative("gradient", "auto", None) == "gradient"
    assert read_derivative("hessian-vector-product", "auto", None) == "hessian_vector_product"
    assert read_derivative("jacobian", "reverse", None) == Jacobian("reverse")
    assert read_derivative("nth-derivative", "auto", 3) == NthDerivative(3)


@pytest.mark.parametrize(
    ("kind", "mode", "order"),
    [("hessian", "forward", None), ("hessian", "auto", 2), ("nth-derivative", "auto", None)],
)
def test_options_of_another_kind_are_refused(kind: str, mode: str, order: int | None) -> None:
    """A mode without a Jacobian, an order without an n-th derivative, and one without an order."""
    with pytest.raises(typer.BadParameter):
        read_derivative(kind, mode, order)  # type: ignore[arg-type]
