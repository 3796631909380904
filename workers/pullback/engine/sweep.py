"""One evaluation whose inputs are batches: each row is computed as it would be alone, and the results are stacked.

Strategy: a row that runs in rows goes through the runner of its likes, many at a time, with the bits that a lone row
has there. Any other runs by itself, one after the other, against limits that count them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.contract.batches import check_batch
from pullback.contract.errors import InvalidArgument, LimitExceeded, PullbackError
from pullback.contract.limits import limit_metadata
from pullback.contract.tensors import check_spec, check_tensor
from pullback.engine.outputs import check_result_bytes
from pullback.engine.printing import cut_text
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pullback.contract.limits import Limits
    from pullback.engine.rows import RowRunner
    from pullback.v1 import tensor_pb2

#: The parts of a result that are maps of tensors.
_MAPS = ("values", "gradients", "tangents", "products")


class Rows:
    """The rows of an evaluation, each an evaluation in its turn.

    Args:
        evaluation: names batched inputs.
        limits: the bounds on it.

    Attributes:
        count: how many there are.

    Raises:
        PullbackError: the batch is malformed.
    """

    def __init__(self, evaluation: evaluation_pb2.Evaluation, limits: Limits) -> None:
        check = check_spec if evaluation.dry_run else check_tensor
        for field in ("inputs", "cotangents", "tangents"):
            for name, tensor in getattr(evaluation, field).items():
                check(f'{field}["{name}"]', tensor, limits)
        self.count = check_batch(evaluation, limits)
        self._row = evaluation_pb2.Evaluation(program=evaluation.program)
        self._row.outputs.extend(evaluation.outputs)
        self._row.wrt.extend(evaluation.wrt)
        self._row.device = evaluation.device
        self._row.seed = evaluation.seed
        self._row.dry_run = evaluation.dry_run
        if kind := evaluation.WhichOneof("derivative"):
            getattr(self._row, kind).CopyFrom(getattr(evaluation, kind))
        #: For each tensor with an axis of rows: the row's message, all bytes, and how many one row has.
        self._cuts: list[tuple[tensor_pb2.Tensor, bytes, int]] = []
        batched = frozenset(evaluation.batched_inputs)
        self._add(self._row.inputs, evaluation.inputs, batched)
        self._add(self._row.tangents, evaluation.tangents, batched)
        self._add(self._row.cotangents, evaluation.cotangents, frozenset(evaluation.cotangents))

    def _add(self, rows: Any, tensors: Mapping[str, tensor_pb2.Tensor], batched: frozenset[str]) -> None:
        for name, tensor in tensors.items():
            row = rows[name]
            if name not in batched:
                row.CopyFrom(tensor)
                continue
            row.dtype = tensor.dtype
            row.shape.extend(tensor.shape[1:])
            data = tensor.data
            self._cuts.append((row, data, len(data) // self.count))

    def row(self, index: int) -> evaluation_pb2.Evaluation:
        """Gives a row; the message is the same for all, and good until the next."""
        for tensor, data, size in self._cuts:
            tensor.data = data[index * size : (index + 1) * size]
        return self._row


def sweep_together(
    rows: Rows, evaluation: evaluation_pb2.Evaluation, runner: RowRunner, limits: Limits
) -> evaluation_pb2.Result:
    """Computes the rows as rows of stacks.

    Raises:
        LimitExceeded: all of them take too much.
    """
    check_result_bytes(rows.count * runner.result_bytes, limits)
    work = rows.count * runner.work
    if work > limits.work:
        raise LimitExceeded(
            f"{rows.count:,} rows take {work:,} multiplications and element visits, but the limit is {limits.work:,}",
            field="batched_inputs",
            metadata=limit_metadata(limits.work, work, "work"),
        )
    batched = frozenset(evaluation.batched_inputs)
    columns = [(evaluation.inputs[name].data, name in batched) for name in sorted(evaluation.inputs)]
    return runner.sweep(columns, rows.count)


def sweep_alone(
    rows: Rows, alone: Callable[[evaluation_pb2.Evaluation], evaluation_pb2.Result], limits: Limits
) -> evaluation_pb2.Result:
    """Computes the rows one after the other.

    Args:
        rows: the rows.
        alone: computes one.
        limits: the bounds on what comes.

    Raises:
        PullbackError: a row failed; the message says which.
        InvalidArgument: a row gave other shapes than the first.
    """
    stack = _Stack(_row_result(rows, 0, alone), rows.count, limits)
    for index in range(1, rows.count):
        stack.add(index, _row_result(rows, index, alone))
    return stack.result()


def _row_result(
    rows: Rows, index: int, alone: Callable[[evaluation_pb2.Evaluation], evaluation_pb2.Result]
) -> evaluation_pb2.Result:
    try:
        return alone(rows.row(index))
    except PullbackError as error:
        raise _of_row(index, error) from error


def _of_row(index: int, error: PullbackError) -> PullbackError:
    return type(error)(
        f"row {index}: {error.message}",
        field=error.field,
        metadata={**error.metadata, "row": str(index)},
        retry_seconds=error.retry_seconds,
    )


class _Stack:
    """Results on top of each other."""

    def __init__(self, first: evaluation_pb2.Result, count: int, limits: Limits) -> None:
        size = sum(len(tensor.data) for _, tensor in _tensors(first))
        check_result_bytes(count * size, limits)
        self._first = first
        self._count = count
        self._limits = limits
        self._columns: dict[str, list[bytes]] = {path: [] for path, _ in _tensors(first)}
        self._outline = _outline(first)
        self._printed: list[str] = []
        self._chars = 0
        self.add(0, first)

    def add(self, index: int, result: evaluation_pb2.Result) -> None:
        if _outline(result) != self._outline:
            raise InvalidArgument(
                f"row {index} gives other shapes, data types or gradients than row 0, so that they cannot be stacked; "
                "send the rows as evaluations of their own",
                field="batched_inputs",
            )
        for path, tensor in _tensors(result):
            self._columns[path].append(tensor.data)
        if self._chars <= self._limits.printed_chars:
            self._printed.append(result.printed)
            self._chars += len(result.printed)

    def result(self) -> evaluation_pb2.Result:
        found = evaluation_pb2.Result()
        found.CopyFrom(self._first)
        found.printed = cut_text("".join(self._printed), self._limits.printed_chars)
        for path, tensor in _tensors(found):
            tensor.shape.insert(0, self._count)
            tensor.data = b"".join(self._columns[path])
        return found


def _tensors(result: evaluation_pb2.Result) -> Iterator[tuple[str, tensor_pb2.Tensor]]:
    """Gives all tensors of a result, each with a name of its own."""
    for field in _MAPS:
        tensors = getattr(result, field)
        for name in tensors:
            yield f"{field}.{name}", tensors[name]
    for number, block in enumerate(result.blocks):
        yield f"blocks.{number}", block.tensor
    if result.HasField("laplacian"):
        yield "laplacian", result.laplacian


def _outline(result: evaluation_pb2.Result) -> tuple[object, ...]:
    tensors = {path: (tensor.dtype, tuple(tensor.shape)) for path, tensor in _tensors(result)}
    return tensors, dict(result.absent_gradients)


def scaled(estimates: evaluation_pb2.Estimates, count: int) -> None:
    """Makes the estimates of a row those of all rows: bounds, since rows together take less."""
    for spec in _specs(estimates):
        spec.shape.insert(0, count)
    estimates.work *= count
    estimates.dispatched_ops *= count


def _specs(estimates: evaluation_pb2.Estimates) -> Iterator[tensor_pb2.TensorSpec]:
    for field in _MAPS:
        specs = getattr(estimates, field)
        for name in specs:
            yield specs[name]
    for block in estimates.blocks:
        yield block.spec
    if estimates.HasField("laplacian"):
        yield estimates.laplacian
