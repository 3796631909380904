"""Runs a program in the engine and in plain torch, and says where they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.conformance import judge, oracle
from tests.conformance.entries import Entry

from pullback.contract.errors import InternalFault, PullbackError
from pullback.engine.wire import write
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzz.random_programs import RandomProgram

    from pullback.engine import Engine

#: Bits may differ where jobs run alone or in rows, but not by more than this.
TOLERANCE = {"rtol": 1e-8, "atol": 1e-8}


def differences(engine: Engine, program: RandomProgram) -> Iterator[str]:
    """Compares value and gradients of a program's `out`; a refusal is right, but a fault of ours is not.

    Yields:
        Each difference in words. One that begins with ``refused`` is none.
    """
    wrt = [
        name
        for name, value in program.inputs.items()
        if value.dtype.is_floating_point or value.dtype.is_complex
    ]
    expected, refusal = _in_torch(program, wrt)
    message = evaluation_pb2.Evaluation(program=program.source, outputs=["out"])
    for name, value in program.inputs.items():
        message.inputs[name].CopyFrom(write(value))
    if expected is None or any(gradient is not None for gradient in expected.gradients.values()):
        message.wrt.extend(wrt)
    else:
        message.value_only.SetInParent()
    outcome = engine.evaluate_many([message])[0]
    if isinstance(outcome, PullbackError):
        if isinstance(outcome, InternalFault):
            yield f"a fault of the engine: {outcome}"
        else:
            yield f"refused: {type(outcome).__name__}, {'as by' if expected is None else 'unlike'} torch"
        return
    if expected is None:
        yield f"plain torch refuses it: {refusal}"
        return
    entry = Entry("random", program.source, {"output": "out", "tol": TOLERANCE})
    if not message.wrt:
        expected = oracle.Expected(expected.value, {})
    yield from judge.faults_of_result(entry, outcome, expected)


def _in_torch(program: RandomProgram, wrt: list[str]) -> tuple[oracle.Expected | None, str]:
    try:
        return oracle.compute(program.source, program.inputs, wrt, "out"), ""
    except (RuntimeError, TypeError, ValueError, IndexError, NotImplementedError) as error:
        return None, str(error)[:200]
