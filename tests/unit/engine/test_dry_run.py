"""What a dry run says of an evaluation, against the evaluation itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded, ProgramError, PullbackError
from pullback.contract.limits import Limits
from pullback.engine.dry_run import NOT_ESTIMATED
from pullback.engine.wire import TORCH_DTYPES
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.unit.engine.conftest import Lab

FILE = Path(__file__).parents[2] / "vectors" / "gradients.jsonl"
VECTORS = [json.loads(line) for line in FILE.read_text().splitlines()]

X = {"x": torch.ones(2, 3)}


def _tensor(vector: dict[str, Any]) -> torch.Tensor:
    dtype = TORCH_DTYPES[vector["dtype"]]
    elements = [complex(*item) if isinstance(item, list) else item for item in vector["data"]]
    return torch.tensor(elements, dtype=dtype).reshape(vector["shape"])


def _dry(evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Evaluation:
    """Makes an evaluation a dry run of itself, without its elements."""
    hollow = evaluation_pb2.Evaluation()
    hollow.CopyFrom(evaluation)
    hollow.dry_run = True
    for tensor in hollow.inputs.values():
        tensor.ClearField("data")
    return hollow


def _specs(tensors: Mapping[str, Any]) -> dict[str, tuple[int, list[int]]]:
    return {name: (tensor.dtype, list(tensor.shape)) for name, tensor in tensors.items()}


def _refusal(lab: Lab, program: str, inputs: Mapping[str, torch.Tensor] = X) -> PullbackError:
    return lab.refusal(_dry(lab.build(program, inputs)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_dry_run_tells_what_the_evaluation_gives(lab: Lab, vector: dict[str, Any]) -> None:
    """Data types and shapes of values and gradients, and which are absent; or where elements decide."""
    inputs = {name: _tensor(tensor) for name, tensor in vector["inputs"].items()}
    evaluation = lab.build(vector["program"], inputs, outputs=[vector["output"]])
    outcome = lab.engine.evaluate_many([_dry(evaluation)])[0]
    if isinstance(outcome, PullbackError):
        assert NOT_ESTIMATED in outcome.metadata, outcome
        assert outcome.metadata["line"] > "0"
        return
    found, real = outcome.estimates, lab.engine.evaluate(evaluation)
    assert _specs(found.values) == _specs(real.values)
    assert _specs(found.gradients) == _specs(real.gradients)
    assert found.absent_gradients == real.absent_gradients
    assert min(found.live_bytes, found.work, found.dispatched_ops) > 0


def test_few_of_the_vectors_cannot_be_estimated(lab: Lab) -> None:
    """Elements decide in a few programs, and torch computes shapes without them in all others."""
    count = 0
    for vector in VECTORS:
        inputs = {name: _tensor(tensor) for name, tensor in vector["inputs"].items()}
        evaluation = lab.build(vector["program"], inputs, outputs=[vector["output"]])
        count += isinstance(lab.engine.evaluate_many([_dry(evaluation)])[0], PullbackError)
    assert count <= len(VECTORS) // 10


@pytest.mark.parametrize(
    "program",
    [
        "y = x[x > 0].sum()",
        "y = x.sum() * x.sum().item()",
        "y = x.masked_select(x > 0).sum()",
        "y = x.repeat_interleave(torch.tensor([1, 2]), dim=0).sum()",
        "y = x.sum()*float(x.sum())",
    ],
)
def test_where_elements_decide_the_operation_is_named(lab: Lab, program: str) -> None:
    """It is no error of the program: the metadata tell it apart, and the text has the place."""
    error = _refusal(lab, program)
    assert isinstance(error, ProgramError)
    assert NOT_ESTIMATED in error.metadata
    assert "depends on the elements" in error.message
    assert error.message.endswith("^")


@pytest.mark.parametrize(
    ("program", "kind"),
    [
        ("y = x @ x", ProgramError),
        ("y = x", InvalidArgument),
        ("y = x.reshape(5).sum()", ProgramError),
        ("y = torch.zeros(2**30).sum() * x.sum()", LimitExceeded),
        ("a = torch.ones(4096, 4096)\ny = (a @ a).sum() * x.sum()", LimitExceeded),
        ("y = x.double().sum().expand(2**26)[0]\nz = y.expand(2**26)[1]", LimitExceeded),
    ],
)
def test_a_dry_run_is_refused_as_the_evaluation_would_be(lab: Lab, program: str, kind: type) -> None:
    """By the same error, limits and backward pass included."""
    error = _refusal(lab, program)
    assert isinstance(error, kind), error
    real = lab.refusal(lab.build(program, X))
    assert type(real) is type(error)
    # Small tensors are counted together where it matters little, and one by one in a dry run.
    assert real.metadata.keys() == error.metadata.keys()
    assert all(real.metadata[key] == error.metadata[key] for key in real.metadata if key != "estimate")


def test_an_evaluation_that_no_machine_could_hold_is_estimated(lab: Lab) -> None:
    """Nothing is allocated: the figures are of sizes alone, and exact where the program is simple."""
    wide = lab.limited(Limits(live_bytes=2**44, elements=2**40, work=2**50, result_bytes=72 * 2**20))
    evaluation = lab.build("y = (x * x).sum()", {"x": torch.ones(1)}, value_only=True)
    evaluation.inputs["x"].shape[:] = [2**30]
    found = wide.engine.evaluate(_dry(evaluation)).estimates
    assert 2 * 2**32 <= found.live_bytes <= 3 * 2**32
    assert found.dispatched_ops == 2
    assert _specs(found.values)["y"] == (evaluation.inputs["x"].dtype, [])


def test_random_programs_are_estimated(lab: Lab) -> None:
    """Nothing is drawn, and no generator is needed."""
    found = lab.engine.evaluate(_dry(lab.build("y = (torch.randn(2, 3) * F.dropout(x)).sum()", X))).estimates
    assert list(found.gradients["x"].shape) == [2, 3]


def test_a_dry_run_leaves_evaluations_of_the_same_shapes_alone(lab: Lab) -> None:
    """What is remembered of one is not taken for the other, in either order."""
    lab = lab.limited(Limits())
    evaluation = lab.build("y = (3 * x).sum()", X)
    for each in (_dry(evaluation), evaluation, _dry(evaluation), evaluation):
        result = lab.engine.evaluate(each)
        assert result.HasField("estimates") is each.dry_run
        assert len(result.values) == (0 if each.dry_run else 1)
