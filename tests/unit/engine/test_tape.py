"""Kernels called from a tape: the same bits as autograd's, or no tape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pullback.engine.rows import MAX_TAPE_BYTES, RECORDED_BLOCK
from pullback.engine.tape import Recorder, Tape

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engine.conftest import Lab

    from pullback.engine.rows import RowRunner
    from pullback.v1 import evaluation_pb2

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

PROGRAMS = [
    QUARTIC,
    "y = torch.exp(-x**2) / (1 + x*x)",
    "y = (torch.log1p(x.abs()) * (x > 0)).sum() / x.numel()",
    "y = torch.where(x > 1, x.sin(), 2*x).mean()",
    "y = x",
    "y = x**1 + x**0",
]

SPECIAL = [0.0, -0.0, 0.5, -3.0, 1e300, float("inf"), float("-inf"), float("nan")]


def _taped_after(lab: Lab, evaluation: evaluation_pb2.Evaluation, blocks: int) -> RowRunner:
    runner = lab.engine._new_runner(evaluation)
    assert runner is not None
    for _ in range(blocks):
        runner.run([_data(evaluation)])
    return runner


def _data(evaluation: evaluation_pb2.Evaluation) -> tuple[bytes, ...]:
    return tuple(evaluation.inputs[name].data for name in sorted(evaluation.inputs))


@pytest.mark.parametrize("value_only", [False, True])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_tape_gives_autograds_bits(lab: Lab, program: str, dtype: str, *, value_only: bool) -> None:
    """Before and after a plan has its tape, an evaluation has the same bytes, whatever its numbers."""
    with np.errstate(over="ignore"):
        points = [
            lab.build(program, {"x": np.array(x).astype(dtype)}, value_only=value_only) for x in SPECIAL
        ]
    plain = _taped_after(lab, points[0], 0)
    taped = _taped_after(lab, points[0], RECORDED_BLOCK)
    assert taped._taped is not None
    for point in points:
        plain._blocks_to_tape = 0
        assert plain.run([_data(point)]) == taped.run([_data(point)])
    assert plain._taped is None


def test_a_tape_is_recorded_for_what_comes_again(lab: Lab) -> None:
    """What is asked for once has no tape, and neither has what is so big that its arithmetic counts."""
    small = lab.build(QUARTIC, {"x": np.float64(2)})
    assert _taped_after(lab, small, RECORDED_BLOCK - 1)._taped is None
    assert _taped_after(lab, small, RECORDED_BLOCK)._taped is not None
    big = lab.build("y = x.sum()", {"x": np.ones(MAX_TAPE_BYTES // 32 // 8 + 1)})
    assert _taped_after(lab, big, RECORDED_BLOCK)._taped is None


def test_results_outlive_the_next_block(lab: Lab) -> None:
    """An output that is the input itself keeps its bytes when the next evaluation uses the memory again."""
    evaluation = lab.build("y = 2*x\nz = x", {"x": np.float64(2)}, outputs=["y", "z"], value_only=True)
    runner = _taped_after(lab, evaluation, RECORDED_BLOCK)
    (first,) = runner.run([(np.float64(3).tobytes(),)])
    runner.run([(np.float64(4).tobytes(),)])
    assert [first.values[name].data for name in "yz"] == [np.float64(6).tobytes(), np.float64(3).tobytes()]


def _record(function: Callable[[torch.Tensor], torch.Tensor]) -> Tape | None:
    x = torch.full((32,), 3.0)
    recorder = Recorder([x], [])
    with recorder:
        y = function(x)
    return recorder.tape([y])


def test_a_kernel_is_called_once_for_the_same_operands() -> None:
    """What is known already, what follows from constants, and a mere copy cost no call."""
    tape = _record(lambda x: (x**2 + x**2.0) * torch.ones_like(x) * x**1)
    assert tape is not None
    assert len(tape) == 4
    twos = torch.full((32,), 2.0)
    assert torch.equal(tape.play([twos])[0], torch.full((32,), 16.0))


def test_zeros_of_either_sign_are_different_operands() -> None:
    """Numbers that are equal and not the same are told apart."""
    tape = _record(lambda x: torch.div(1, torch.mul(x, 0.0)) + torch.div(1, torch.mul(x, -0.0)))
    assert tape is not None
    assert tape.play([torch.ones(32)])[0].isnan().all()


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x.sum().item(),
        lambda x: x * 2 if (x > 1).all() else x,
        lambda x: x.clone().add_(1),
        torch.rand_like,
        lambda x: torch.cat([x, x]),
        lambda x: x.frexp().mantissa,
        lambda x: x * 3 if torch.equal(x, x) else x,
        lambda x: x + torch.from_numpy(x.numpy().copy()),
        lambda x: torch.where(x > 0, x, torch._efficientzerotensor((32,), dtype=x.dtype)),
        lambda _: torch.from_numpy(np.ones(32)),
    ],
)
def test_what_might_differ_next_time_has_no_tape(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """No tape where numbers are looked at, memory is written, chance is asked, or a tensor came some other way."""
    assert _record(function) is None
