"""The rules on how a derivative is asked for: which fields go together, and of which shapes they are.

The gateway refuses by these rules at the door, and the engine keeps to them again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import DEFAULT_LIMITS, limit_metadata
from pullback.contract.tensors import BY_CODE, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.limits import Limits
    from pullback.v1 import evaluation_pb2, tensor_pb2

#: What `Evaluation.derivative` is where it is not set.
DEFAULT_KIND = "gradient"

#: The kinds that run along `Evaluation.tangents`.
ALONG_TANGENTS = frozenset({"jvp", "hessian_vector_product"})

#: The kinds that `Evaluation.cotangents` can seed.
SEEDED = frozenset({"gradient", "hessian", "hessian_vector_product"})

#: The kinds that are of real inputs only.
REAL_ONLY = frozenset({"jacobian", "hessian", "nth_derivative", "laplacian"})

_WORDS = {
    "gradient": "a gradient",
    "value_only": "values only",
    "jvp": "a Jacobian-vector product",
    "jacobian": "a Jacobian",
    "hessian": "a Hessian",
    "hessian_vector_product": "a Hessian-vector product",
    "nth_derivative": "an n-th derivative",
    "laplacian": "a Laplacian",
}


def kind_of(evaluation: evaluation_pb2.Evaluation) -> str:
    """Names the derivative that is asked for, by its field in `Evaluation.derivative`."""
    return evaluation.WhichOneof("derivative") or DEFAULT_KIND


def check_derivative(
    evaluation: evaluation_pb2.Evaluation, limits: Limits = DEFAULT_LIMITS, *, calls_backward: bool
) -> None:
    """Checks the fields that say which derivative is wanted, against each other and against the program.

    Args:
        evaluation: what is asked for; its names and tensors are checked already.
        limits: the bounds on stacks and orders.
        calls_backward: whether its program calls `backward()` itself.

    Raises:
        InvalidArgument: fields do not go together.
        LimitExceeded: a stack, or an order, is too high.
    """
    kind = kind_of(evaluation)
    if calls_backward:
        _check_own_backward(evaluation, kind)
    if evaluation.cotangents and kind not in SEEDED:
        raise InvalidArgument(f"{_WORDS[kind]} takes no cotangents", field="cotangents")
    _check_tangents(evaluation, kind)
    if kind == "jvp" and evaluation.wrt:
        raise InvalidArgument(
            "a Jacobian-vector product is along its tangents, so leave wrt out", field="wrt"
        )
    if kind == "jacobian" and evaluation.jacobian.mode not in evaluation.jacobian.Mode.values():
        raise InvalidArgument(f"{evaluation.jacobian.mode} is not a known mode", field="jacobian.mode")
    if kind in REAL_ONLY:
        _check_real(evaluation)
    if kind == "nth_derivative":
        _check_order(evaluation.nth_derivative.order, limits)
    _check_stacks(evaluation, kind, limits)
    if evaluation.check_gradient:
        _check_comparable(evaluation, kind)


def _check_comparable(evaluation: evaluation_pb2.Evaluation, kind: str) -> None:
    if kind != DEFAULT_KIND:
        raise InvalidArgument(
            f"{_WORDS[kind]} is asked for, and only gradients are checked", field="check_gradient"
        )
    for field, given in (("stacked", evaluation.stacked), ("batched_inputs", evaluation.batched_inputs)):
        if given:
            raise InvalidArgument(f"does not go with {field}; ask for a single one", field="check_gradient")
    for index, name in enumerate(evaluation.wrt):
        if name not in evaluation.inputs:
            raise InvalidArgument(
                f"`{name}` is no input, and only inputs can be moved", field=f"wrt[{index}]"
            )


def _check_own_backward(evaluation: evaluation_pb2.Evaluation, kind: str) -> None:
    if evaluation.cotangents:
        raise InvalidArgument(
            "the program calls backward() itself, and seeds it there, as in y.backward(v)", field="cotangents"
        )
    if kind not in {"gradient", "value_only"}:
        raise InvalidArgument(
            f"the program calls backward() itself, which {_WORDS[kind]} cannot look into; leave it out, or write "
            "torch.autograd.grad(..., create_graph=True)",
            field=kind,
        )


def _check_tangents(evaluation: evaluation_pb2.Evaluation, kind: str) -> None:
    if kind not in ALONG_TANGENTS:
        if evaluation.tangents:
            raise InvalidArgument(f"{_WORDS[kind]} takes no tangents", field="tangents")
        return
    if not evaluation.tangents:
        raise InvalidArgument(f"{_WORDS[kind]} needs at least one", field="tangents")
    for name in sorted(evaluation.tangents):
        path = f'tangents["{name}"]'
        if name not in evaluation.inputs and (kind == "jvp" or name not in evaluation.wrt):
            known = "input" if kind == "jvp" else "input, and not in wrt"
            raise InvalidArgument(f"`{name}` is no {known}", field=path)
        if evaluation.wrt and name not in evaluation.wrt:
            raise InvalidArgument(f"`{name}` is not in wrt", field=path)
        if name in evaluation.inputs:
            _check_direction(path, name, evaluation)


def _check_direction(path: str, name: str, evaluation: evaluation_pb2.Evaluation) -> None:
    moved = evaluation.inputs[name]
    row = BY_CODE[moved.dtype]
    if not row.differentiable:
        raise InvalidArgument(f"`{name}` is {row.name}, which does not move", field=path)
    check_direction(path, name, evaluation.tangents[name], moved.dtype, tuple(moved.shape), evaluation)


def check_direction(  # noqa: PLR0917 - what is named, what is given, and what it has to be
    path: str,
    name: str,
    given: tensor_pb2.Tensor,
    dtype: int,
    shape: tuple[int, ...],
    evaluation: evaluation_pb2.Evaluation,
) -> None:
    """Checks that a seed has the data type and shape of what it belongs to, behind the axis of a stack.

    Raises:
        InvalidArgument: it has others.
    """
    found = tuple(given.shape)
    behind = found[1:] if evaluation.stacked else found
    if given.dtype == dtype and behind == shape and (found or not evaluation.stacked):
        return
    raise InvalidArgument(
        f"it is {describe(BY_CODE[given.dtype], found)}, but `{name}` is {describe(BY_CODE[dtype], shape)}"
        + (", and a stack has one axis more, in front" if evaluation.stacked else ""),
        field=path,
    )


def _check_real(evaluation: evaluation_pb2.Evaluation) -> None:
    for index, name in enumerate(evaluation.wrt or sorted(evaluation.inputs)):
        if name in evaluation.inputs and BY_CODE[evaluation.inputs[name].dtype].is_complex:
            row = BY_CODE[evaluation.inputs[name].dtype]
            raise InvalidArgument(
                f"`{name}` is {row.name}, but this derivative is by real numbers. Give its real and imaginary part as "
                "inputs, or ask for jvp or gradient",
                field=f"wrt[{index}]" if evaluation.wrt else "wrt",
            )


def _check_order(order: int, limits: Limits) -> None:
    if order < 1:
        raise InvalidArgument(f"{order} is not 1 or more", field="nth_derivative.order")
    if order > limits.graph_nesting + 1:
        raise LimitExceeded(
            f"the derivative of order {order} has {order - 1} derivatives behind it, but the limit is "
            f"{limits.graph_nesting}",
            field="nth_derivative.order",
            metadata=limit_metadata(limits.graph_nesting, order - 1, "graph_nesting"),
        )


def _check_stacks(evaluation: evaluation_pb2.Evaluation, kind: str, limits: Limits) -> None:
    if not evaluation.stacked:
        return
    field, seeds = stacked_seeds(evaluation, kind)
    if not seeds:
        raise InvalidArgument("needs cotangents or tangents, which are the stacks", field="stacked")
    sizes: dict[str, int] = {}
    for name in sorted(seeds):
        shape = seeds[name].shape
        if not shape:
            raise InvalidArgument(
                "is 0-d, but a stack has one axis more than what it belongs to, in front",
                field=f'{field}["{name}"].shape',
            )
        sizes[name] = shape[0]
    first = min(sizes)
    for name, size in sizes.items():
        if size != sizes[first]:
            raise InvalidArgument(
                f'is a stack of {size:,}, but {field}["{first}"] is one of {sizes[first]:,}',
                field=f'{field}["{name}"].shape',
            )
    if not sizes[first]:
        raise InvalidArgument("is a stack of none", field=f'{field}["{first}"].shape')
    if sizes[first] > limits.seeds:
        raise LimitExceeded(
            f"is a stack of {sizes[first]:,}, but the limit is {limits.seeds:,}",
            field=f'{field}["{first}"].shape',
            metadata=limit_metadata(limits.seeds, sizes[first], "seeds"),
        )


def stacked_seeds(
    evaluation: evaluation_pb2.Evaluation, kind: str
) -> tuple[str, Mapping[str, tensor_pb2.Tensor]]:
    """Gives the seeds that are stacks where any are, and the name of their field."""
    if kind in ALONG_TANGENTS:
        return "tangents", evaluation.tangents
    return "cotangents", evaluation.cotangents if kind == "gradient" else {}
