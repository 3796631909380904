"""Which derivative the jobs of a family are of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.cli.batch.scopes import said, sayer
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.cli.batch.faults import Faults
    from pullback.cli.batch.scopes import Scopes

#: The fields that say it, but for directions.
FIELDS = frozenset({
    "derivative", "mode", "order", "stacked", "batched_inputs", "check_gradient", "detect_anomaly",
    "return_program_graph",
})  # fmt: skip

_MODES = {
    "forward": evaluation_pb2.Jacobian.MODE_FORWARD,
    "reverse": evaluation_pb2.Jacobian.MODE_REVERSE,
}


def write_derivative(evaluation: evaluation_pb2.Evaluation, scopes: Scopes) -> None:
    """Asks for what was said."""
    kind = said(scopes, "derivative")
    if said(scopes, "value_only"):
        evaluation.value_only.SetInParent()
    elif kind is not None:
        getattr(evaluation, kind.replace("-", "_")).SetInParent()
    mode = said(scopes, "mode")
    if kind == "jacobian" and mode in _MODES:
        evaluation.jacobian.mode = _MODES[mode]
    if kind == "nth-derivative":
        evaluation.nth_derivative.order = said(scopes, "order") or 1
    evaluation.stacked = said(scopes, "stacked") or False
    evaluation.batched_inputs.extend(said(scopes, "batched_inputs"))
    evaluation.check_gradient = said(scopes, "check_gradient") or False
    evaluation.detect_anomaly = said(scopes, "detect_anomaly") or False
    evaluation.return_program_graph = said(scopes, "return_program_graph") or False


def check_derivative(scopes: Scopes, inputs: list[str], faults: Faults) -> None:
    """Adds what does not go together, each where it was said."""
    for field, message in _wrong(scopes):
        scope = sayer(scopes, field)
        if scope is not None:
            faults.add(scope.fault((field,), message))
    scope = sayer(scopes, "batched_inputs")
    for name in said(scopes, "batched_inputs"):
        if scope is not None and name not in inputs:
            faults.add(
                scope.fault(
                    ("batched_inputs",), f"{name} is not among the inputs: {', '.join(sorted(inputs))}"
                )
            )


def _wrong(scopes: Scopes) -> Iterator[tuple[str, str]]:
    kind = said(scopes, "derivative")
    if kind is not None and said(scopes, "value_only"):
        yield "derivative", "is asked for, and so is value_only"
    if said(scopes, "mode") is not None and kind != "jacobian":
        yield "mode", "goes with derivative: jacobian"
    if said(scopes, "order") is not None and kind != "nth-derivative":
        yield "order", "goes with derivative: nth-derivative"
    if said(scopes, "order") is None and kind == "nth-derivative":
        yield "derivative", "wants its order beside it"
    takes_tangents = kind in {"jvp", "hessian-vector-product"}
    if sayer(scopes, "tangents") is not None and not takes_tangents:
        yield "tangents", "go with derivative: jvp or hessian-vector-product"
    if sayer(scopes, "tangents") is None and takes_tangents:
        yield "derivative", "wants tangents beside it"
