"""What a peer's server computes for one point: the same torch work as ours, or as little as possible."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def by_name(name: str) -> Callable[[float], tuple[float, float]]:
    """Returns a function from a point to value and gradient: ``torch``, or ``closed`` for the closed form."""
    return eager_torch() if name == "torch" else closed_form


def eager_torch() -> Callable[[float], tuple[float, float]]:
    """Returns value and gradient by eager torch autograd in float64, on one thread."""
    import torch  # noqa: PLC0415 - the closed form is measured without torch in the process

    torch.set_num_threads(1)

    def evaluate(point: float) -> tuple[float, float]:
        x = torch.tensor(point, dtype=torch.float64, requires_grad=True)
        y = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
        y.backward()  # type: ignore[no-untyped-call]
        assert x.grad is not None
        return y.item(), x.grad.item()

    return evaluate


def closed_form(x: float) -> tuple[float, float]:
    """Returns value and gradient in plain Python: what is left is the peer's own cost."""
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1, 8 * x**3 + 3 * x**2 + 6 * x + 5
