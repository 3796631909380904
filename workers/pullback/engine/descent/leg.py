"""One leg of a descent: from a state, so many steps at most, to another state.

Rule: what a step does follows from the state before it and from the plan, and from nothing else. So a descent can be
cut anywhere between two steps, and what comes of its legs has the bytes of an unbroken one.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch

from pullback.contract.descents import check_descent, parameters_of
from pullback.engine.descent.walk import Walk
from pullback.engine.evaluate import evaluate_alone
from pullback.engine.outputs import check_result_bytes
from pullback.engine.request import read_request
from pullback.engine.wire import byte_count, write_to
from pullback.v1 import evaluation_pb2
from pullback.v1 import optimization_pb2 as pb

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code


def run_leg(
    code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits, device: str = "cpu"
) -> evaluation_pb2.Result:
    """Makes the steps of a leg.

    Args:
        code: the program.
        evaluation: has the leg; its inputs are the parameters as they stand, and the rest.
        limits: the bounds on each step.
        device: the torch device to run on.

    Returns:
        A result with `descent_leg`; at the end of the descent also with what the evaluation gives there.

    Raises:
        PullbackError: the descent is malformed, or a step failed.
    """
    leg, evaluation = _parted(evaluation)
    request = read_request(evaluation, code.program, limits)
    check_descent(evaluation, leg.plan, None, limits)
    with nullcontext() if device == "cpu" else torch.device(device):
        walk = Walk(code, request, evaluation, leg, limits, device)
        walk.run()
    check_result_bytes(sum(map(byte_count, walk.tensors())), limits)
    result = evaluation_pb2.Result()
    if walk.end:
        result.MergeFrom(evaluate_alone(code, _at_the_end(evaluation, walk), limits, device))
    walk.write_to(result.descent_leg)
    return result


def _parted(evaluation: evaluation_pb2.Evaluation) -> tuple[pb.DescentLeg, evaluation_pb2.Evaluation]:
    """Parts a leg from the evaluation that each step makes, whose parameters are named."""
    alone = evaluation_pb2.Evaluation()
    alone.CopyFrom(evaluation)
    alone.ClearField("descent_leg")
    if not alone.wrt:
        alone.wrt.extend(parameters_of(evaluation, evaluation.descent_leg.plan))
    return evaluation.descent_leg, alone


def _at_the_end(evaluation: evaluation_pb2.Evaluation, walk: Walk) -> evaluation_pb2.Evaluation:
    """Makes the evaluation at the point where a descent has ended. Changes, and gives, the one that it is given."""
    for name, tensor in walk.inputs().items():
        evaluation.inputs[name].Clear()
        write_to(evaluation.inputs[name], tensor)
    evaluation.seed = walk.seed
    return evaluation
