"""What an evaluation asks for by name, found in what its program left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import limit_metadata
from pullback.engine.values import describe_value
from pullback.engine.wire import ROWS, number_tensor

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code
    from pullback.engine.request import Request
    from pullback.engine.run import Run


def output_values(code: Code, request: Request, state: Run) -> dict[str, torch.Tensor]:
    """Gives the values that an evaluation asks for, in its order.

    Raises:
        InvalidArgument: one is neither a tensor nor a number.
    """
    return {name: _value(name, code, request, state) for name in request.outputs}


def _value(name: str, code: Code, request: Request, state: Run) -> torch.Tensor:
    slot = code.program.names.get(name)
    value = state.inputs[name] if slot is None else state.slots[slot]
    path = request.output_field(name)
    match value:
        case torch.Tensor():
            if value.dtype not in ROWS:
                raise InvalidArgument(
                    f"`{name}` is {describe_value(value)}, which cannot be returned", field=path
                )
            return value
        case bool() | int() | float():
            return number_tensor(value)
        case tuple() | list():
            raise InvalidArgument(
                f"`{name}` is {describe_value(value)}, but an output is one tensor or number; take an item of it in "
                f"the program, as in {name}[0], or name other outputs",
                field=path,
            )
        case _:
            raise InvalidArgument(
                f"`{name}` is {describe_value(value)}, but an output is a tensor or a number; name other outputs",
                field=path,
            )


def check_result_bytes(total: int, limits: Limits) -> None:
    """Refuses what takes too many bytes in a result: values, gradients and whatever else comes of derivatives.

    Raises:
        LimitExceeded: it does.
    """
    if total > limits.result_bytes:
        raise LimitExceeded(
            f"values and gradients take {total:,} bytes, but the limit is {limits.result_bytes:,}",
            metadata=limit_metadata(limits.result_bytes, total, "result_bytes"),
        )
