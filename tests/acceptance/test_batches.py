from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.integration.cli_jobs.running import PULLBACK, Running

if TYPE_CHECKING:
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
