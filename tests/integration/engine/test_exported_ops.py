"""Each legal call of the op table's vectors, and random programs, exported and run elsewhere."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.exports.oracle import check_archive, check_model, evaluation
from tests.fuzz.random_programs import generate
from tests.fuzz.samples import Sample, all_samples

from pullback.contract.errors import InternalFault, PullbackError
from pullback.engine import Engine, configure_torch
from pullback.v1 import evaluation_pb2 as pb

# So many calls in one test, which then takes some ten seconds.
_CALLS = 60

SAMPLES = [*all_samples()]
PARTS = [SAMPLES[start : start + _CALLS] for start in range(0, len(SAMPLES), _CALLS)]

# Operators whose numbers are float32 in ONNX itself or in torch's translation, or which its reference computes so.
SINGLE = {
    "affine_grid", "celu", "dist", "elu", "erf", "erfc", "erfcx", "gelu", "hardsigmoid", "hardswish", "hardtanh",
    "interpolate", "leaky_relu", "log10", "log2", "log_ndtr", "ndtr", "norm", "normalize", "pairwise_distance",
    "rad2deg", "selu", "sinc", "vector_norm",
}  # fmt: skip

# No runtime has these for float64.
NOT_RUN = {"grid_sample"}


@pytest.fixture(scope="module")
def engine() -> Engine:
    """An engine as an evaluator has it."""
    configure_torch()
    return Engine(worker="test")


def _exported(
    engine: Engine, program: str, inputs: dict[str, object], form: pb.ExportFormat
) -> pb.Result | None:
    """Exports a program; None where that is refused."""
    try:
        return engine.evaluate(evaluation(program, inputs, form))  # type: ignore[arg-type]  # tensors all
    except InternalFault:
        raise AssertionError(program) from None
    except PullbackError:
        return None


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part[0].key)
def test_a_call_gives_the_same_elsewhere_or_is_refused(engine: Engine, part: list[Sample]) -> None:
    """From an archive torch gives the evaluation's bits, from a model a runtime its values; nothing fails."""
    done = 0
    for sample in part:
        inputs = dict(sample.inputs)
        if archive := _exported(engine, sample.program, {**inputs}, pb.EXPORT_FORMAT_TORCH_EXPORT):
            check_archive(archive, inputs)
            done += 1
        name = sample.key.rpartition(".")[2]
        model = _exported(engine, sample.program, {**inputs}, pb.EXPORT_FORMAT_ONNX)
        if model and name not in NOT_RUN:
            check_model(model, inputs, single=name in SINGLE)
    assert done > 0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_random_program_gives_the_same_elsewhere_or_is_refused(engine: Engine, seed: int) -> None:
    """Programs of calls, loops and functions, whose values and shapes come from one another."""
    program = generate(random.Random(seed))  # noqa: S311 - a reproducible choice, not a secret
    lines = program.source.split("\n")
    source = "\n".join(line for line in lines if not line.startswith(("print(", "torch.manual_seed")))
    inputs = {**program.inputs}
    if archive := _exported(engine, source, {**inputs}, pb.EXPORT_FORMAT_TORCH_EXPORT):
        check_archive(archive, inputs)
    if "grid_sample" not in source and (
        model := _exported(engine, source, {**inputs}, pb.EXPORT_FORMAT_ONNX)
    ):
        check_model(model, inputs, single=True)
