"""The bounds that parameters are kept in."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from pullback.engine.wire import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pullback.v1 import optimization_pb2 as pb


class Boxes:
    """Projects parameters into their bounds.

    Args:
        bounds: by parameter name.
        parameters: the parameters, changed in place.
    """

    def __init__(self, bounds: Mapping[str, pb.Bounds], parameters: Mapping[str, torch.Tensor]) -> None:
        self._parameters = parameters
        #: For each parameter with bounds, the lower one and the upper one.
        self._boxes = {
            name: (
                _bound(bounds[name], "lower", parameters[name]),
                _bound(bounds[name], "upper", parameters[name]),
            )
            for name in parameters
            if name in bounds and (bounds[name].HasField("lower") or bounds[name].HasField("upper"))
        }

    def project(self) -> None:
        """Moves each parameter to the nearest point within its bounds."""
        for name, (lower, upper) in self._boxes.items():
            self._parameters[name].clamp_(lower, upper)

    def norm(self, gradients: Sequence[torch.Tensor | None]) -> float:
        """Gives the 2-norm of the gradient; of the part that can be followed, where there are bounds.

        Source: Bertsekas, Nonlinear Programming, 3.3: a point is stationary where x = P(x - g).
        """
        norms = []
        for (name, parameter), gradient in zip(self._parameters.items(), gradients, strict=True):
            if gradient is None:
                continue
            if name in self._boxes:
                moved = parameter - (parameter - gradient).clamp(*self._boxes[name])
                norms.append(_norm(moved))
            else:
                norms.append(_norm(gradient))
        return math.hypot(*norms)


def _bound(bounds: pb.Bounds, side: str, parameter: torch.Tensor) -> torch.Tensor | None:
    if not bounds.HasField(side):
        return None
    bound = read(getattr(bounds, side)).to(parameter.device)
    return bound if bound.shape == parameter.shape else bound.reshape(()).expand(parameter.shape)


def _norm(tensor: torch.Tensor) -> float:
    # In double precision: the sum of squares of a long single gradient loses digits, and of a half one overflows.
    dtype = torch.complex128 if tensor.is_complex() else torch.float64
    return float(torch.linalg.vector_norm(tensor, dtype=dtype))
