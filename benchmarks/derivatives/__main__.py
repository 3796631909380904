"""Measures derivatives against torch in a local process, and prints ratios.

Against a system of its own: 64 cotangents in one request and in 64, a Jacobian of 1,000 by 1,000 and the same by
`torch.func`, a sweep of a million points and the same by `torch.func.vmap`. In a process set up as an evaluator is:
value and gradient, beside torch's own forward and backward pass.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from benchmarks import report
from benchmarks.processes import FailedError, free_port, serving
from pullback.client import Client, evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

# Runs of each side of a row, in turns; the median counts.
RUNS = 15
SWEEPS = 5

WIDTH = 1_000
POINTS = 1_000_000
COTANGENTS = 64

LAYER = "y = torch.tanh(w @ x)"
QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"


def main() -> int:
    """Runs the benchmark; 0 unless something failed or an answer was wrong, whatever the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.derivatives", description=__doc__)
    parser.parse_args()
    torch.set_num_threads(1)  # as an evaluator has
    print(f"{report.machine_text(report.machine(report.busy_percent()))}\n", flush=True)
    port = free_port()
    command = [str(Path(sys.executable).with_name("pullback")), "up", "--port", str(port)]
    try:
        with tempfile.TemporaryDirectory(prefix="pullback-bench-") as scratch:
            command += ["--data-dir", f"{scratch}/data"]
            with serving(command, port, Path(scratch) / "pullback.log", ready=b"pullback is up on"):
                _served(f"127.0.0.1:{port}")
        _inside()
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _served(address: str) -> None:
    draws = np.random.default_rng(0)
    x, w = draws.normal(size=WIDTH), draws.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5
    small = {"w": w[:200, :200], "x": x[:200]}
    seeds = draws.normal(size=(COTANGENTS, 200))
    points = draws.normal(size=POINTS)
    with Client(address) as client:
        _row(
            f"{COTANGENTS} cotangents: one request, {COTANGENTS} requests in one stream",
            lambda: client.evaluate(LAYER, small, wrt="x", cotangents={"y": seeds}, stacked=True).gradients[
                "x"
            ],
            lambda: _singly(client, small, seeds),
            RUNS,
        )
        _row(
            f"Jacobian of {WIDTH:,} by {WIDTH:,}: over gRPC, torch.func.jacrev here",
            lambda: client.evaluate(LAYER, w=w, x=x, wrt="x", derivative="jacobian").jacobian["y", "x"],
            lambda: _local_jacobian(w, x),
            RUNS,
        )
        _row(
            f"sweep of {POINTS:,} points: over gRPC, torch.func.vmap here",
            lambda: client.evaluate(QUARTIC, x=points, batched_inputs="x").gradients["x"],
            lambda: _local_sweep(points),
            SWEEPS,
        )


def _row(name: str, ours: Callable[[], np.ndarray], theirs: Callable[[], np.ndarray], runs: int) -> None:
    laps: tuple[list[float], list[float]] = ([], [])
    for run in range(runs + 1):
        found = []
        for side, call in enumerate((ours, theirs)):
            begun = time.perf_counter()
            found.append(call())
            if run:  # the first warms up
                laps[side].append(time.perf_counter() - begun)
        if not np.allclose(found[0], found[1], rtol=1e-9, atol=1e-9):
            raise FailedError(f"{name}: the answers differ")
    first, second = (1e3 * sorted(each)[len(each) // 2] for each in laps)
    print(f"{name}\n    {first:.1f} ms, {second:.1f} ms: {first / second:.2f} times", flush=True)


def _singly(client: Client, inputs: dict[str, np.ndarray], seeds: np.ndarray) -> np.ndarray:
    asked = (evaluation(LAYER, inputs, wrt="x", cotangents={"y": seed}) for seed in seeds)
    found = {}
    for index, outcome in client.evaluate_many(asked):
        if isinstance(outcome, Exception):
            raise outcome
        found[index] = outcome.gradients["x"]
    return np.stack([found[index] for index in range(len(seeds))])


def _local_jacobian(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    weights = torch.from_numpy(w)
    found: np.ndarray = torch.func.jacrev(lambda v: torch.tanh(weights @ v))(torch.from_numpy(x)).numpy()
    return found


def _local_sweep(points: np.ndarray) -> np.ndarray:
    def quartic(x: torch.Tensor) -> torch.Tensor:
        return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1

    gradients, _ = torch.func.vmap(torch.func.grad_and_value(quartic))(torch.from_numpy(points))
    found: np.ndarray = gradients.numpy()
    return found


def _inside() -> None:
    print(
        "\nvalue and gradient in an evaluator's process: the engine, from message to message;\n"
        "torch's forward and backward pass alone; the same, from message to message"
    )
    command = [sys.executable, "-m", "benchmarks.derivatives.inside"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    for line in done.stdout.splitlines():
        row = json.loads(line)
        alone, copied = row["ours"] / row["torch"], row["ours"] / row["copied"]
        print(
            f"    {row['row']}: {row['ours']:,.0f} us, {row['torch']:,.0f} us, {row['copied']:,.0f} us: "
            f"{alone:.2f} and {copied:.2f} times",
            flush=True,
        )
    if done.returncode:
        raise FailedError("the engine failed")


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):
        sys.exit(main())
