"""The rules on batched inputs: what goes with them, and how many rows they have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import DEFAULT_LIMITS, limit_metadata

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.v1 import evaluation_pb2


def check_batch(evaluation: evaluation_pb2.Evaluation, limits: Limits = DEFAULT_LIMITS) -> int:
    """Checks batched inputs against the rest of an evaluation, whose tensors are checked already.

    Args:
        evaluation: one that names batched inputs.
        limits: the bound on rows.

    Returns:
        The number of rows.

    Raises:
        InvalidArgument: a name is no input or there twice, sizes differ, or something cannot go with a batch.
        LimitExceeded: there are too many rows.
    """
    _check_company(evaluation)
    sizes = [_size(index, name, evaluation) for index, name in enumerate(evaluation.batched_inputs)]
    first = sizes[0]
    for index, size in enumerate(sizes):
        if size != first:
            names = evaluation.batched_inputs
            raise InvalidArgument(
                f"`{names[index]}` has {size:,} rows, but `{names[0]}` has {first:,}",
                field=f"batched_inputs[{index}]",
            )
    if not first:
        raise InvalidArgument(f"`{evaluation.batched_inputs[0]}` has no rows", field="batched_inputs[0]")
    if first > limits.rows:
        raise LimitExceeded(
            f"{first:,} rows, but the limit is {limits.rows:,}",
            field="batched_inputs",
            metadata=limit_metadata(limits.rows, first, "rows"),
        )
    for name, tensor in evaluation.cotangents.items():
        if not tensor.shape or tensor.shape[0] != first:
            raise InvalidArgument(
                f"needs an axis in front for the {first:,} rows", field=f'cotangents["{name}"].shape'
            )
    return first


def _check_company(evaluation: evaluation_pb2.Evaluation) -> None:
    for field, given in (
        ("stacked", evaluation.stacked),
        ("return_graph", evaluation.return_graph),
        ("return_program_graph", evaluation.return_program_graph),
        ("export", evaluation.export),
        ("detect_anomaly", evaluation.detect_anomaly),
    ):
        if given:
            raise InvalidArgument("does not go with batched inputs; ask for single rows", field=field)


def _size(index: int, name: str, evaluation: evaluation_pb2.Evaluation) -> int:
    path = f"batched_inputs[{index}]"
    if name not in evaluation.inputs:
        raise InvalidArgument(f"`{name}` is no input", field=path)
    if name in evaluation.batched_inputs[:index]:
        raise InvalidArgument(f"`{name}` is named twice", field=path)
    shape = evaluation.inputs[name].shape
    if not shape:
        raise InvalidArgument(f"`{name}` is 0-d, and has no axis of rows", field=path)
    return shape[0]
