from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from pullback.contract.errors import ProgramError
from pullback.contract.status import from_status
from pullback.contract.tensors import decode, encode
from pullback.evaluator import Evaluator, Job, Template
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def template() -> Iterator[Template]:
    """A template with torch and the engine."""
    with Template(device="cpu", worker="here") as template:
        yield template


def job(program: str, **inputs: float) -> Job:
    """A job of float64 scalars."""
    tensors = {name: encode(np.array(value)) for name, value in inputs.items()}
    evaluation = pb.Evaluation(program=program, inputs=tensors)
    return Job(program, evaluation.SerializeToString(), 0, round(time.time() * 1_000) + 60_000)


def evaluate(evaluator: Evaluator, *jobs: Job) -> list[gradient_pb2.EvaluateOutcome]:
    """Evaluates a batch, and reads its outcomes."""
    outcomes = evaluator.evaluate(jobs, timeout=60)
    return [gradient_pb2.EvaluateOutcome.FromString(outcome.message) for outcome in outcomes]


def test_autograd_works_in_every_fork(template: Template) -> None:
    """Evaluator after evaluator gives the polynomial's value and derivative, alone and in a batch."""
    x = np.array([-1.5, 0.0, 2.0, 3.25])
    values = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1
    slopes = 8 * x**3 + 3 * x**2 + 6 * x + 5
    jobs = [job("y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1", x=each) for each in x]
    for _ in range(3):
        with Evaluator.connect(template.address) as evaluator:
            for batch in (jobs[:1], jobs):
                results = [outcome.result for outcome in evaluate(evaluator, *batch)]
                value = np.array([decode(each.values["y"]) for each in results])
                slope = np.array([decode(each.gradients["x"]) for each in results])
                assert value.tolist() == pytest.approx(values[: len(batch)])
                assert slope.tolist() == pytest.approx(slopes[: len(batch)])


def test_a_result_says_who_computed_it(template: Template) -> None:
    """Worker, device and version of the result are those of the template's options and the handle."""
    with Evaluator.connect(template.address) as evaluator:
        (outcome,) = evaluate(evaluator, job("y = x * x", x=3.0))
        assert outcome.result.worker == "here"
        assert outcome.result.device == pb.DEVICE_CPU
        assert outcome.result.engine == evaluator.engine
        assert "+torch" in evaluator.engine


def test_a_wrong_program_fails_alone(template: Template) -> None:
    """An error of the language reaches the drain as that error, beside a neighbour's result."""
    with Evaluator.connect(template.address) as evaluator:
        wrong, right = evaluate(evaluator, job("y = nonsense(x)", x=1.0), job("y = x * x", x=3.0))
        assert isinstance(from_status(wrong.error), ProgramError)
        assert decode(right.result.values["y"]) == 9.0


def test_the_template_keeps_one_thread(template: Template) -> None:
    """Forking stays safe: loading torch starts no thread, and so does no evaluator in the template."""
    with Evaluator.connect(template.address) as evaluator:
        evaluate(evaluator, job("y = x * x", x=3.0))
        assert psutil.Process(template.pid).num_threads() == 1


def test_a_tensor_of_many_megabytes_goes_there_and_back(template: Template) -> None:
    """A gradient as big as its input arrives whole."""
    x = np.arange(2**20, dtype=np.float64)
    evaluation = pb.Evaluation(program="y = (x * x).sum()", inputs={"x": encode(x)})
    with Evaluator.connect(template.address) as evaluator:
        (outcome,) = evaluate(evaluator, Job("a", evaluation.SerializeToString(), 0, 2**50))
        np.testing.assert_array_equal(decode(outcome.result.gradients["x"]), 2 * x)


@pytest.mark.parametrize(
    ("module", "expected"),
    [("pullback.evaluator", False), ("pullback.evaluator.template", False), ("pullback.engine", True)],
)
def test_the_handles_do_not_import_torch(module: str, expected: bool) -> None:
    """A worker that imports the room has no torch in it; the engine's import shows that the test can fail."""
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], check=False)
    assert process.returncode == expected
