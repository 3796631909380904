"""One evaluation run by itself, exactly as a notebook would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.engine.blame import blamed
from pullback.engine.compute import computed
from pullback.engine.export import make_artifact
from pullback.engine.faults import BackwardFailed
from pullback.engine.wire import write_to
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.engine.compute import Tally
    from pullback.engine.derivatives import Found
    from pullback.engine.interpret import Code


def evaluate_alone(
    code: Code,
    evaluation: evaluation_pb2.Evaluation,
    limits: Limits,
    device: str = "cpu",
    tally: Tally | None = None,
) -> evaluation_pb2.Result:
    """Runs one evaluation.

    Args:
        code: its program.
        evaluation: what to compute.
        limits: its bounds.
        device: the torch device to run on.
        tally: what was taken before, and counts against the same limits.

    Returns:
        The result, without the fields that say who computed it.

    Raises:
        InvalidArgument: the evaluation does not go with its program.
        ProgramError: a statement failed.
        LimitExceeded: something is too big.
    """
    try:
        result = _evaluate(code, evaluation, limits, device, tally)
    except BackwardFailed as failure:
        raise blamed(
            failure, code, lambda watched: _evaluate(watched, evaluation, limits, device)
        ) from failure
    if evaluation.export:
        result.artifact.CopyFrom(make_artifact(code, evaluation, limits, result.ByteSize(), device))
    return result


def _evaluate(
    code: Code,
    evaluation: evaluation_pb2.Evaluation,
    limits: Limits,
    device: str,
    tally: Tally | None = None,
) -> evaluation_pb2.Result:
    with computed(code, evaluation, limits, device, tally) as given:
        graphs = given.graphs
        result = evaluation_pb2.Result(
            printed=given.printed, graph=graphs.autograd, program_graph=graphs.program
        )
        for name, value in given.outputs.items():
            write_to(result.values[name], value)
        _fill(result, given.found)
        result.anomalies.extend(given.anomalies)
        for name, check in given.checks.items():
            result.gradient_checks[name].CopyFrom(check)
    return result


def _fill(result: evaluation_pb2.Result, found: Found) -> None:
    for name, gradient in found.gradients.items():
        write_to(result.gradients[name], gradient)
    result.absent_gradients.update(found.absent)
    for name, tangent in found.tangents.items():
        write_to(result.tangents[name], tangent)
    for name, product in found.products.items():
        write_to(result.products[name], product)
    for block in found.blocks:
        write_to(result.blocks.add(output=block.output, wrt=block.wrt).tensor, block.tensor)
    if found.laplacian is not None:
        write_to(result.laplacian, found.laplacian)
