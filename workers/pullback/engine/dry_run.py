"""What an evaluation would give and take: its program run on tensors that have a shape, and no elements.

Strategy: the same interpreter, the same bindings and the same meter as for an evaluation, so that the estimates are
those that an evaluation is held to. torch's kernels for the device "meta" compute shapes and data types alone. Where
one asks for an element, or there is none, the run ends, and the answer says at which operation.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument, ProgramError, PullbackError
from pullback.contract.program.ir import Print
from pullback.engine.compute import computed
from pullback.engine.wire import ROWS
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    import torch

    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code

#: The metadata of an error that says that an estimate ends there, and that the program is not at fault.
NOT_ESTIMATED = "not_estimated"


def dry_run(code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits) -> evaluation_pb2.Result:
    """Runs an evaluation whose inputs have no elements.

    Returns:
        A result with `estimates` alone.

    Raises:
        PullbackError: what the evaluation itself would be refused with; or a `ProgramError` with the metadata
            `NOT_ESTIMATED`, where the elements of tensors decide.
    """
    try:
        return _dry_run(_silent(code), evaluation, limits)
    except (ProgramError, InvalidArgument) as error:
        cause = error.__cause__
        if isinstance(cause, (NotImplementedError, RuntimeError)) and "meta" in str(cause).lower():
            raise _not_estimated(error) from cause
        raise


def _silent(code: Code) -> Code:
    """Leaves out what prints elements."""
    kept = [pair for pair in zip(code.steps, code.releases, strict=True) if not isinstance(pair[0], Print)]
    steps, releases = zip(*kept, strict=True) if kept else ((), ())
    return replace(code, steps=steps, releases=releases)


def _dry_run(code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits) -> evaluation_pb2.Result:
    with computed(code, evaluation, limits, "meta") as given:
        meter, found = given.meter, given.found
        estimates = evaluation_pb2.Estimates(
            absent_gradients=found.absent, live_bytes=meter.peak, work=meter.work, dispatched_ops=meter.calls
        )
        for name, value in given.outputs.items():
            estimates.values[name].CopyFrom(_spec(value))
        for name, gradient in found.gradients.items():
            estimates.gradients[name].CopyFrom(_spec(gradient))
        for name, tangent in found.tangents.items():
            estimates.tangents[name].CopyFrom(_spec(tangent))
        for name, product in found.products.items():
            estimates.products[name].CopyFrom(_spec(product))
        for block in found.blocks:
            estimates.blocks.add(output=block.output, wrt=block.wrt, spec=_spec(block.tensor))
        if found.laplacian is not None:
            estimates.laplacian.CopyFrom(_spec(found.laplacian))
    return evaluation_pb2.Result(estimates=estimates)


def _spec(value: torch.Tensor) -> tensor_pb2.TensorSpec:
    return tensor_pb2.TensorSpec(dtype=ROWS[value.dtype].code, shape=value.shape)


def _not_estimated(error: PullbackError) -> ProgramError:
    headline, *quoted = error.message.split("\n")
    subject = headline.partition(" failed: ")[0]
    message = "\n".join(
        [f"{subject} depends on the elements of tensors, which a check does not have", *quoted]
    )
    return ProgramError(message, field="program", metadata={**error.metadata, NOT_ESTIMATED: "true"})
