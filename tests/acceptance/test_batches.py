from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.integration.cli_jobs.running import PULLBACK, Running

from pullback.cli.results import npz, parquet, tensors
from pullback.cli.results.record import line_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.system import System

#: Points of the sweep.
COUNT = 400

SWEEP = f"""
program: y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1
grid:
  x: {{linspace: [-2, 2, {COUNT}], dtype: float64}}
deadline: 1h
"""


def _closed_form() -> tuple[Any, Any]:
    x = np.linspace(-2, 2, COUNT)
    return 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1, 8 * x**3 + 3 * x**2 + 6 * x + 5


def _pullback(system: System, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(PULLBACK), *words, "--address", system.address]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_batch_is_computed_and_collected(system: System, tmp_path: Path) -> None:
    """Every value and gradient is that of the closed form, in the order of the file."""
    sweep, results = tmp_path / "sweep.yaml", tmp_path / "r.npz"
    sweep.write_text(SWEEP)
    done = _pullback(system, "submit", str(sweep), "--batch-id", tmp_path.name, "-o", str(results))
    assert done.returncode == 0, done.stderr
    values, gradients = _closed_form()
    with np.load(results) as arrays:
        assert arrays["index"].tolist() == list(range(COUNT))
        np.testing.assert_allclose(arrays["values/y"], values, rtol=1e-12)
        np.testing.assert_allclose(arrays["gradients/x"], gradients, rtol=1e-12)
    listed = _pullback(
        system, "jobs", "list", "--batch-id", tmp_path.name, "--state", "succeeded", "--most", "0", "--json"
    )
    assert len(listed.stdout.splitlines()) == COUNT


@pytest.mark.parametrize("moment", [r"batch ", r"\d of 400 done"])
def test_a_submission_that_is_killed_goes_on(moment: str, system: System, tmp_path: Path) -> None:
    """After a SIGKILL, the same command ends with each row once, and no job was created twice."""
    sweep, results = tmp_path / "sweep.yaml", tmp_path / "r.jsonl"
    sweep.write_text(SWEEP)
    words = ["submit", str(sweep), "--batch-id", tmp_path.name, "-o", str(results), "--every", "0.1"]
    with Running(words, system.address) as running:
        running.wait_for(moment)
        running.process.kill()
    assert _pullback(system, *words).returncode == 0
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert sorted(row["index"] for row in rows) == list(range(COUNT))
    found = {row["index"]: row["gradients"]["x"] for row in rows}
    np.testing.assert_allclose([found[index] for index in range(COUNT)], _closed_form()[1], rtol=1e-12)
    counted = _pullback(system, "jobs", "list", "--batch-id", tmp_path.name, "--most", "0", "--json")
    assert len(counted.stdout.splitlines()) == COUNT


def test_a_batch_can_be_cancelled_and_tried_again(system: System, tmp_path: Path) -> None:
    """What was cancelled is a row with its state, until the second try takes its place."""
    sweep, results, batch = tmp_path / "later.yaml", tmp_path / "r.parquet", tmp_path.name
    sweep.write_text("program: y = x**2\ngrid:\n  x: [1, 2, 3]\nnot_before: 1h\n")
    assert _pullback(system, "submit", str(sweep), "--batch-id", batch, "--detach").stdout == f"{batch}\n"
    assert _pullback(system, "jobs", "cancel", "--batch-id", batch).stdout == "cancelled 3\n"
    cancelled = _pullback(system, "jobs", "export", "--batch-id", batch, "-o", str(results))
    assert (cancelled.returncode, "3 jobs: 3 cancelled" in cancelled.stderr) == (1, True)
    again = _pullback(system, "jobs", "retry", "--batch-id", batch)
    assert sorted(again.stdout.split()) == [f"{batch}.{index}:2" for index in range(3)]
    done = _pullback(system, "jobs", "export", "--batch-id", batch, "-o", str(results), "--wait")
    assert (done.returncode, "3 jobs: 3 succeeded" in done.stderr) == (0, True)
    assert _pullback(system, "jobs", "delete", "--batch-id", batch).stdout == "deleted 6\n"


DERIVATIVES = """
program: y = (x**3).sum() * w
inputs: {w: {value: 2, dtype: float64}}
grid:
  x: {value: [[1, 2], [3, 4]], dtype: float64}
jobs:
  - {labels: {kind: jacobian}, wrt: x, derivative: jacobian}
  - {labels: {kind: hessian}, wrt: x, derivative: hessian}
  - {labels: {kind: jvp}, derivative: jvp, tangents: {x: {value: [1, 0], dtype: float64}}}
  - labels: {kind: product}
    wrt: x
    derivative: hessian-vector-product
    tangents: {x: {value: [0, 1], dtype: float64}}
  - {labels: {kind: laplacian}, wrt: x, derivative: laplacian}
  - {labels: {kind: gradient}, wrt: x, return_program_graph: true, check_gradient: true}
"""

READERS = {"npz": npz.read, "safetensors": tensors.read, "parquet": parquet.read}

# By kind, and by x: the number of the closed form of 2 * sum(x**3).
EXPECTED: dict[str, Callable[[Any], Any]] = {
    "jacobian": lambda x: (6 * x**2).tolist(),
    "hessian": lambda x: np.diag(12 * x).tolist(),
    "jvp": lambda x: 6 * x[0] ** 2,
    "product": lambda x: [0, 12 * x[1]],
    "laplacian": lambda x: 12 * x.sum(),
    "gradient": lambda x: (6 * x**2).tolist(),
}


def _derivative(row: dict[str, Any]) -> Any:
    """Finds the derivative in a line of results, wherever its kind has it."""
    match row["labels"]["kind"]:
        case "jacobian" | "hessian":
            (block,) = row["blocks"]
            assert block["wrt"] in (["x"], ["x", "x"])
            return block["derivative"]
        case "jvp":
            return row["tangents"]["y"]
        case "product":
            return row["products"]["x"]
        case "laplacian":
            return row["laplacian"]
    return row["gradients"]["x"]


@pytest.mark.parametrize("suffix", ["jsonl", "npz", "safetensors", "parquet"])
def test_every_derivative_comes_out_of_every_kind_of_file(
    system: System, tmp_path: Path, suffix: str
) -> None:
    """Jacobians, Hessians, products and Laplacians equal closed forms, exported from the file as lines again."""
    batch, results = tmp_path / "d.yaml", tmp_path / f"r.{suffix}"
    batch.write_text(DERIVATIVES)
    done = _pullback(system, "submit", str(batch), "--batch-id", tmp_path.name, "-o", str(results))
    assert done.returncode == 0, done.stderr
    lines = (
        [line_of(record) for record in READERS[suffix](results)]
        if suffix in READERS
        else results.read_text().splitlines()
    )
    rows = sorted((json.loads(line) for line in lines), key=lambda row: row["index"])
    assert len(rows) == 12
    for row in rows:
        x = np.array([[1.0, 2.0], [3.0, 4.0]])[row["index"] % 2]
        kind = row["labels"]["kind"]
        np.testing.assert_allclose(_derivative(row), EXPECTED[kind](x), rtol=1e-12)
        assert ("program_graph" in row) == ("gradient_checks" in row) == (kind == "gradient")
        assert kind != "gradient" or row["gradient_checks"]["x"]["max_abs_error"] < 1e-5
