"""The op table behind the filter: an operation that needs a file or a call that is refused would fail here alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.fuzz.samples import all_samples

from pullback.contract.errors import PullbackError
from pullback.contract.program.ops import OPS
from pullback.contract.tensors import encode
from pullback.engine import Engine, configure_torch
from pullback.evaluator import Evaluator, Job, Template
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.fuzz.samples import Sample

# As long as any of the calls takes on a busy machine, in seconds.
PATIENCE = 60.0


@pytest.fixture(scope="module")
def evaluator() -> Iterator[Evaluator]:
    """One evaluator, with torch and with all the protections that this machine has."""
    with Template(device="cpu", worker="") as template, Evaluator.connect(template.address) as evaluator:
        yield evaluator


def test_every_operation_gives_behind_the_filter_what_it_gives_without(evaluator: Evaluator) -> None:
    """Each row's calls, in one process and in this one: the same bytes or the same refusal, and no trace left."""
    assert _different(evaluator, ((sample.program, _evaluation(sample)) for sample in all_samples())) == []


@pytest.mark.parametrize("mode", [pb.Jacobian.MODE_FORWARD, pb.Jacobian.MODE_REVERSE])
def test_every_operation_is_differentiated_behind_the_filter_as_it_is_without(
    evaluator: Evaluator, mode: pb.Jacobian.Mode
) -> None:
    """What torch loads when it first does so forward, or for many rows at a time, is loaded before."""
    asked = (
        (sample.program, _jacobian(sample, mode))
        for sample in all_samples()
        if OPS[sample.key].differentiable
    )
    assert _different(evaluator, asked) == []


def _different(
    evaluator: Evaluator, asked: Iterable[tuple[str, pb.Evaluation]]
) -> list[tuple[str, bytes, bytes]]:
    configure_torch()
    engine = Engine()
    different = []
    for name, evaluation in asked:
        (outcome,) = evaluator.evaluate(
            [Job(name, evaluation.SerializeToString(), 0, 2**50)], timeout=PATIENCE
        )
        found = gradient_pb2.EvaluateOutcome.FromString(outcome.message)
        result = engine.evaluate_many([evaluation])[0]
        if isinstance(result, PullbackError):
            given, expected = found.error.message.encode(), str(result).encode()
        else:
            found.result.ClearField("timings")
            given, expected = _bytes(found.result), _bytes(result)
        if given != expected:
            different.append((name, given[:120], expected[:120]))
        assert evaluator.alive, name
    return different


def _jacobian(sample: Sample, mode: pb.Jacobian.Mode) -> pb.Evaluation:
    evaluation = _evaluation(sample)
    evaluation.jacobian.mode = mode
    return evaluation


def _evaluation(sample: Sample) -> pb.Evaluation:
    inputs = {name: encode(tensor.numpy()) for name, tensor in sample.inputs.items()}
    evaluation = pb.Evaluation(program=sample.program, inputs=inputs, outputs=["y"])
    evaluation.value_only.SetInParent()
    return evaluation


def _bytes(result: pb.Result) -> bytes:
    return result.SerializeToString(deterministic=True)
