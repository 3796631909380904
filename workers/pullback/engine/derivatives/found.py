"""What came of differentiating."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from pullback.v1 import evaluation_pb2


class Block(NamedTuple):
    """A part of a derivative, as in `DerivativeBlock`."""

    output: str
    wrt: tuple[str, ...]
    tensor: torch.Tensor


@dataclass
class Found:
    """What came of differentiating.

    Attributes:
        gradients: by leaf name, each with its leaf's shape and data type, behind the axis of a stack.
        absent: the leaves without one, and why.
        tangents: of the outputs, by name.
        blocks: of a Jacobian, of a Hessian, or the n-th derivatives.
        products: with the Hessian, by leaf name.
        laplacian: a single element.
    """

    gradients: dict[str, torch.Tensor] = field(default_factory=dict)
    absent: dict[str, evaluation_pb2.GradientAbsence] = field(default_factory=dict)
    tangents: dict[str, torch.Tensor] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    products: dict[str, torch.Tensor] = field(default_factory=dict)
    laplacian: torch.Tensor | None = None

    def tensors(self) -> Iterator[torch.Tensor]:
        """Gives all tensors that were found."""
        yield from self.gradients.values()
        yield from self.tangents.values()
        yield from self.products.values()
        for block in self.blocks:
            yield block.tensor
        if self.laplacian is not None:
            yield self.laplacian
