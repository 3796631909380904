"""What plain torch makes of a program: the text is executed as it stands, with nothing of ours between.

Only for the programs that this repository itself holds or generates; never for text from elsewhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import torch
from tests.conformance.entries import Entry, array

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


@final
@dataclass(frozen=True)
class Expected:
    """What an entry must give.

    Attributes:
        value: of the output.
        gradients: by leaf; None where the output does not depend on it.
    """

    value: NDArray[np.generic]
    gradients: dict[str, NDArray[np.generic] | None]


def expected(entry: Entry) -> Expected:
    """Gives what an entry states, or else what plain torch computes."""
    if "expected" in entry.fields:
        stated = entry.fields["expected"]
        gradients = {
            name: None if spec is None else array(spec) for name, spec in stated.get("grads", {}).items()
        }
        return Expected(array(stated["value"]), gradients)
    leaves = {name: leaf(spec) for name, spec in entry.inputs()}
    return compute(
        entry.source, leaves, entry.wrt(), entry.fields["output"], entry.fields.get("mode", "grad")
    )


def leaf(spec: dict[str, Any]) -> torch.Tensor:
    """Makes a tensor of a corpus a torch tensor."""
    return torch.from_numpy(array(spec).copy()).to(getattr(torch, spec["dtype"]))


def run(source: str, inputs: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Executes a program in plain torch and gives all names that it bound."""
    names: dict[str, Any] = {"torch": torch, "F": torch.nn.functional, "math": math, **inputs}
    names["print"] = lambda *_, **__: None
    exec(compile(source, "program", "exec"), names)  # noqa: S102 - the oracle: our own text, in plain torch
    return names


def compute(
    source: str, inputs: Mapping[str, torch.Tensor], wrt: list[str], output: str, mode: str = "grad"
) -> Expected:
    """Executes a program in plain torch and differentiates its output, seeded with ones."""
    with torch.random.fork_rng(devices=[]):
        leaves = {name: value.detach().clone() for name, value in inputs.items()}
        for name in wrt:
            leaves[name].requires_grad_()
        value = run(source, leaves)[output]
    if not isinstance(value, torch.Tensor):
        value = torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else None)
    gradients: dict[str, torch.Tensor | None] = {}
    if mode == "accumulated":
        gradients = {name: leaves[name].grad for name in wrt}
    elif wrt and value.requires_grad:
        seeds = torch.ones_like(value)
        found = torch.autograd.grad(value, [leaves[name] for name in wrt], seeds, allow_unused=True)
        gradients = dict(zip(wrt, found, strict=True))
    elif mode == "grad":
        gradients = dict.fromkeys(wrt)
    return Expected(
        to_numpy(value), {name: None if grad is None else to_numpy(grad) for name, grad in gradients.items()}
    )


def to_numpy(value: torch.Tensor) -> NDArray[np.generic]:
    """Makes a torch tensor an array; bfloat16 as float32, which holds each of its values."""
    plain = value.detach().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        plain = plain.float()
    result: NDArray[np.generic] = plain.numpy()
    return result
