"""Measures descents over gRPC against the same loops in a local process with torch, and against single evaluations.

Each row's sides take turns, and must end at the same bits; the median counts. The local loops are what a user writes:
zero the gradients, compute the loss, go backward, step.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch

from benchmarks import report
from benchmarks.processes import FailedError, free_port, serving
from pullback.client import LBFGS, SGD, Adam, Client

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.client import Optimizer

# Runs of each side of a row, in turns; the first warms up.
RUNS = 5

STEPS = 10_000
EVALUATIONS = 10_000
RATE = 1e-4

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"
NETWORK = """
hidden = torch.tanh(data @ w1 + b1)
loss = ((hidden @ w2 - target)**2).mean()
"""


class Row(NamedTuple):
    """What is compared.

    Attributes:
        name: its name.
        program: the loss as a program.
        loss: the same with torch.
        inputs: what it begins with.
        wrt: the parameters.
        ours: the optimiser.
        theirs: makes the same with torch.
        steps: how many.
    """

    name: str
    program: str
    loss: Callable[[dict[str, torch.Tensor]], torch.Tensor]
    inputs: dict[str, np.ndarray]
    wrt: tuple[str, ...]
    ours: Optimizer
    theirs: Callable[[list[torch.Tensor]], torch.optim.Optimizer]
    steps: int = STEPS


def main() -> int:
    """Runs the benchmark; 0 unless something failed or an answer was wrong, whatever the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.descents", description=__doc__)
    parser.parse_args()
    torch.set_num_threads(1)  # as an evaluator has
    print(f"{report.machine_text(report.machine(report.busy_percent()))}\n", flush=True)
    port = free_port()
    command = [str(Path(sys.executable).with_name("pullback")), "up", "--port", str(port)]
    try:
        with tempfile.TemporaryDirectory(prefix="pullback-bench-") as scratch:
            command += ["--data-dir", f"{scratch}/data"]
            with (
                serving(command, port, Path(scratch) / "pullback.log", ready=b"pullback is up on"),
                Client(f"127.0.0.1:{port}") as client,
            ):
                for row in _rows():
                    _compare(client, row)
                _against_evaluations(client)
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _rows() -> list[Row]:
    draws = np.random.default_rng(0)
    network = {
        "data": draws.normal(size=(128, 16)),
        "target": draws.normal(size=(128, 1)),
        "w1": draws.normal(size=(16, 32)) / 4,
        "b1": np.zeros(32),
        "w2": draws.normal(size=(32, 1)) / 6,
    }
    weights = ("w1", "b1", "w2")
    number = {"x": np.asarray(2.0)}
    valley = {"x": np.asarray([-1.2, 1.0])}
    return [
        Row(
            "quartic in one number, SGD", QUARTIC, _quartic, number, ("x",), SGD(lr=RATE),
            lambda leaves: torch.optim.SGD(leaves, lr=RATE),
        ),
        Row(
            "Rosenbrock's valley, Adam", "y = 100*(x[1] - x[0]**2)**2 + (1 - x[0])**2", _valley, valley, ("x",),
            Adam(), torch.optim.Adam,
        ),
        Row(
            "two layers on 128 rows, Adam", NETWORK, _network, network, weights, Adam(), torch.optim.Adam, 2_000,
        ),
        Row(
            "two layers on 128 rows, L-BFGS", NETWORK, _network, network, weights, LBFGS(lr=0.1),
            lambda leaves: torch.optim.LBFGS(leaves, lr=0.1), 50,
        ),
    ]  # fmt: skip


def _quartic(given: dict[str, torch.Tensor]) -> torch.Tensor:
    x = given["x"]
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1


def _valley(given: dict[str, torch.Tensor]) -> torch.Tensor:
    x = given["x"]
    return 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def _network(given: dict[str, torch.Tensor]) -> torch.Tensor:
    hidden = torch.tanh(given["data"] @ given["w1"] + given["b1"])
    loss: torch.Tensor = ((hidden @ given["w2"] - given["target"]) ** 2).mean()
    return loss


def _compare(client: Client, row: Row) -> None:
    laps: tuple[list[float], list[float]] = ([], [])
    for run in range(RUNS + 1):
        found = []
        for side, descend in enumerate((_served, _local)):
            begun = time.perf_counter()
            found.append(descend(client, row))
            if run:
                laps[side].append(time.perf_counter() - begun)
        if any(found[0][name].tobytes() != found[1][name].tobytes() for name in row.wrt):
            raise FailedError(f"{row.name}: the ends differ")
    first, second = (sorted(each)[len(each) // 2] for each in laps)
    print(
        f"{row.name}, {row.steps:,} steps: over gRPC, local loop\n"
        f"    {1e3 * first:,.0f} ms, {1e3 * second:,.0f} ms: {first / second:.2f} times",
        flush=True,
    )


def _served(client: Client, row: Row) -> dict[str, np.ndarray]:
    return client.descend(
        row.program, row.inputs, wrt=row.wrt, optimizer=row.ours, steps=row.steps
    ).result().parameters  # fmt: skip


def _local(_: Client, row: Row) -> dict[str, np.ndarray]:
    given = {name: torch.from_numpy(array.copy()) for name, array in row.inputs.items()}
    leaves = [given[name].requires_grad_() for name in row.wrt]
    optimizer = row.theirs(leaves)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = row.loss(given)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    for _step in range(row.steps):
        optimizer.step(closure)  # type: ignore[arg-type]
    return {name: given[name].detach().numpy() for name in row.wrt}


def _against_evaluations(client: Client) -> None:
    row = _rows()[0]
    begun = time.perf_counter()
    served = _served(client, row)["x"]
    first = time.perf_counter() - begun
    x = row.inputs["x"]
    gc.collect()
    begun = time.perf_counter()
    for _ in range(EVALUATIONS):
        x = x - RATE * client.evaluate(QUARTIC, x=x).gradients["x"]
    second = time.perf_counter() - begun
    if abs(served - x) > 1e-12:
        raise FailedError("a descent and its evaluations end at different numbers")
    print(
        f"quartic in one number, {EVALUATIONS:,} steps: a descent, an Evaluate for each step\n"
        f"    {1e3 * first:,.0f} ms, {1e3 * second:,.0f} ms: {first / second:.3f} times",
        flush=True,
    )


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):
        sys.exit(main())
