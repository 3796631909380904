"""Which derivative is asked for, as it is typed."""

# No postponed annotations here: typer reads them.
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from pullback.client import Derivative as ClientDerivative

Kind = Literal[
    "gradient", "jvp", "jacobian", "hessian", "hessian-vector-product", "nth-derivative", "laplacian"
]
Mode = Literal["auto", "forward", "reverse"]

Derivative = Annotated[Kind, typer.Option("--derivative", help="Which derivative.")]
JacobianMode = Annotated[Mode, typer.Option("--mode", help="How a Jacobian is computed.")]
Order = Annotated[
    int | None, typer.Option("--order", help="The n of an n-th derivative.", min=1, max=2**31 - 1)
]
Tangents = Annotated[
    list[str] | None,
    typer.Option(
        "--tangent",
        help="Direction for jvp and hessian-vector-product: x=[1,0].",
        metavar="NAME=VALUE",
    ),
]
Stacked = Annotated[
    bool,
    typer.Option("--stacked", help="Each cotangent or tangent is a stack of them, along an axis in front."),
]
Batched = Annotated[
    list[str] | None,
    typer.Option(
        "--batched",
        help="Inputs with an axis of rows in front: x,w. Every row is evaluated.",
        metavar="NAMES",
    ),
]


def read_derivative(kind: Kind, mode: Mode, order: int | None) -> "ClientDerivative":
    """Makes of the options what the client takes.

    Raises:
        typer.BadParameter: they do not go together.
    """
    from pullback.client import Jacobian, NthDerivative  # noqa: PLC0415 - imports grpc and numpy

    if mode != "auto" and kind != "jacobian":
        raise typer.BadParameter("--mode goes with --derivative jacobian")
    if (order is None) == (kind == "nth-derivative"):
        raise typer.BadParameter("--order and --derivative nth-derivative go together")
    match kind:
        case "jacobian":
            return Jacobian(mode)
        case "nth-derivative":
            return NthDerivative(order or 1)
        case "hessian-vector-product":
            return "hessian_vector_product"
        case _:
            return kind
