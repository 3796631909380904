"""Which derivative is asked for, in the words of callers. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pullback.contract.derivatives import DEFAULT_KIND
from pullback.contract.errors import InvalidArgument
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from pullback.v1.gradient_pb2 import CheckProgramRequest

#: How a Jacobian is computed: as the service sees fit, forward, or in reverse.
JacobianMode = Literal["auto", "forward", "reverse"]

_MODES: dict[str, pb.Jacobian.Mode] = {
    "auto": pb.Jacobian.MODE_UNSPECIFIED,
    "forward": pb.Jacobian.MODE_FORWARD,
    "reverse": pb.Jacobian.MODE_REVERSE,
}


@dataclass(frozen=True, slots=True)
class Jacobian:
    """A Jacobian, with how it is computed.

    Attributes:
        mode: ``auto`` takes forward mode where the inputs have fewer elements than the outputs.
    """

    mode: JacobianMode = "auto"


@dataclass(frozen=True, slots=True)
class NthDerivative:
    """The n-th derivative by inputs of one element.

    Attributes:
        order: n, from 1.
    """

    order: int


#: A derivative by name, or one with options.
Derivative = (
    Literal[
        "gradient",
        "value_only",
        "jvp",
        "jacobian",
        "hessian",
        "hessian_vector_product",
        "laplacian",
    ]
    | Jacobian
    | NthDerivative
)

NAMES = (
    "gradient", "value_only", "jvp", "jacobian", "hessian", "hessian_vector_product", "laplacian",
)  # fmt: skip


def write_derivative(
    message: pb.Evaluation | CheckProgramRequest, derivative: Derivative, *, value_only: bool
) -> None:
    """Says in a message which derivative is wanted.

    Args:
        message: without one so far.
        derivative: which.
        value_only: True for none, which is another way of saying ``value_only``.

    Raises:
        InvalidArgument: there is no such derivative, or two are asked for.
    """
    if value_only:
        if derivative not in {DEFAULT_KIND, "value_only"}:
            raise InvalidArgument("is given with value_only, which is no derivative", field="derivative")
        derivative = "value_only"
    match derivative:
        case Jacobian(mode):
            if mode not in _MODES:
                raise InvalidArgument(f"{mode!r} is none of {', '.join(_MODES)}", field="derivative.mode")
            message.jacobian.mode = _MODES[mode]
        case NthDerivative(order):
            if not 1 <= order < 2**31:
                raise InvalidArgument(f"{order} is not 1 or more", field="derivative.order")
            message.nth_derivative.order = order
        case "gradient":
            pass  # the wire's default, left out so that messages stay short
        case _ if derivative in NAMES:
            getattr(message, derivative).SetInParent()
        case _:
            raise InvalidArgument(
                f"{derivative!r} is none of {', '.join(NAMES)}, Jacobian and NthDerivative",
                field="derivative",
            )
