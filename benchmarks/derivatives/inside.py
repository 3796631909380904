"""Value and gradient by the engine, as an evaluator is set up, beside torch's own forward and backward pass.

The engine begins with a message and ends with one. So torch is timed twice: alone, and with these copies made, too.

Run in a process of its own: allocator and threads are an evaluator's.
"""

from __future__ import annotations

import json
import time
import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

from pullback.contract.allocator import keep_freed_memory
from pullback.contract.tensors import encode
from pullback.engine import Engine, configure_torch
from pullback.engine.wire import read, write_to
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

# Seconds that each side of a row is timed for, in turns.
SECONDS = 3.0


class Row(NamedTuple):
    """A program, and the same for torch."""

    name: str
    program: str
    call: Callable[..., torch.Tensor]
    inputs: dict[str, torch.Tensor]


def rows() -> list[Row]:
    """Gives what is measured: what the arithmetic costs, and what everything around it does."""
    draws = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        found = torch.randn(*shape, generator=draws, dtype=torch.float64)
        return found.div_(shape[-1] ** 0.5)

    def quartic(x: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
        return value.sum()

    def layers(v: torch.Tensor, w: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        return (torch.tanh(torch.tanh(x @ w) @ v) ** 2).mean()

    quartic_text = "y = (2*x**4 + x**3 + 3*x**2 + 5*x + 1).sum()"
    layers_text = "y = (torch.tanh(torch.tanh(x @ w) @ v)**2).mean()"
    return [
        Row("layers of 512, a batch of 512", layers_text, layers, {n: normal(512, 512) for n in "vwx"}),
        Row("layers of 128, a batch of 64", layers_text, layers,
            {"v": normal(128, 128), "w": normal(128, 128), "x": normal(64, 128)}),
        Row("quartic, 1,000,000 elements", quartic_text, quartic, {"x": normal(1_000_000)}),
        Row("quartic, 10,000 elements", quartic_text, quartic, {"x": normal(10_000)}),
        Row("quartic, 1 element", quartic_text, quartic, {"x": normal(1)}),
    ]  # fmt: skip


def measure(row: Row) -> dict[str, Any]:
    """Times both sides in turns, and gives their medians in microseconds."""
    engine = Engine()
    evaluation = evaluation_pb2.Evaluation(program=row.program)
    for name, tensor in row.inputs.items():
        evaluation.inputs[name].CopyFrom(encode(tensor.numpy()))
    leaves = {name: tensor.clone().requires_grad_() for name, tensor in row.inputs.items()}

    def ours() -> object:
        return engine.evaluate(evaluation)

    def theirs() -> object:
        output = row.call(**leaves)
        return output, torch.autograd.grad(output, [*leaves.values()])

    def copied() -> object:
        given = {name: read(evaluation.inputs[name]).requires_grad_() for name in row.inputs}
        output = row.call(**given)
        result = evaluation_pb2.Result()
        write_to(result.values["y"], output)
        for name, gradient in zip(given, torch.autograd.grad(output, [*given.values()]), strict=True):
            write_to(result.gradients[name], gradient)
        return result

    laps: dict[str, list[float]] = {"ours": [], "torch": [], "copied": []}
    end = time.perf_counter() + 3 * SECONDS
    while time.perf_counter() < end:
        for name, call in (("ours", ours), ("torch", theirs), ("copied", copied)):
            begun = time.perf_counter()
            call()
            laps[name].append(time.perf_counter() - begun)
    found = {name: 1e6 * sorted(each)[len(each) // 2] for name, each in laps.items()}
    return {"row": row.name, **found}


if __name__ == "__main__":
    configure_torch()
    keep_freed_memory()
    with warnings.catch_warnings(action="ignore"):
        for each in rows():
            print(json.dumps(measure(each)), flush=True)
