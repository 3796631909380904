"""What all jobs of a family share, as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.cli.batch.derivatives import FIELDS as DERIVATIVE_FIELDS
from pullback.cli.batch.derivatives import write_derivative
from pullback.cli.batch.scopes import Scopes, said, sayer
from pullback.cli.batch.words import milliseconds_of
from pullback.v1 import evaluation_pb2
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from pullback.cli.batch.faults import Faults

_DEVICES = {"cpu": evaluation_pb2.DEVICE_CPU, "cuda": evaluation_pb2.DEVICE_CUDA}
_PRIORITIES = {
    "interactive": pb.JOB_PRIORITY_INTERACTIVE,
    "normal": pb.JOB_PRIORITY_NORMAL,
    "bulk": pb.JOB_PRIORITY_BULK,
}

#: What a template is made of, beside the program.
FIELDS = frozenset({
    "outputs", "wrt", "return_graph", "value_only", "device", "seed", "timeout", "priority", "time_to_live",
    "max_attempts", "allow_reuse",
}) | DERIVATIVE_FIELDS  # fmt: skip


def template_of(scopes: Scopes, program: str) -> pb.Job:
    """Makes a job of all but inputs, directions, labels and times."""
    job = pb.Job()
    evaluation = job.evaluation
    evaluation.program = program
    evaluation.outputs.extend(said(scopes, "outputs"))
    evaluation.wrt.extend(said(scopes, "wrt"))
    evaluation.return_graph = said(scopes, "return_graph") or False
    write_derivative(evaluation, scopes)
    evaluation.device = _DEVICES.get(said(scopes, "device"), evaluation_pb2.DEVICE_UNSPECIFIED)
    seed = said(scopes, "seed")
    evaluation.seed = seed if isinstance(seed, int) else 0
    _write_span(evaluation.timeout, said(scopes, "timeout"))
    job.priority = _PRIORITIES.get(said(scopes, "priority"), pb.JOB_PRIORITY_UNSPECIFIED)
    _write_span(job.time_to_live, said(scopes, "time_to_live"))
    job.max_attempts = said(scopes, "max_attempts") or 0
    job.allow_reuse = said(scopes, "allow_reuse") or False
    return job


def _write_span(message: Any, span: timedelta | None) -> None:
    if span is not None:
        message.FromMilliseconds(milliseconds_of(span))


def moments_of(scopes: Scopes, faults: Faults) -> dict[str, datetime | timedelta]:
    """Gives the times that were said, by field of the message; adds a fault where none is left between them."""
    deadline, not_before = said(scopes, "deadline"), said(scopes, "not_before")
    named = {"deadline_time": deadline, "not_before_time": not_before}
    scope = sayer(scopes, "deadline")
    if scope is not None and type(deadline) is type(not_before) and deadline <= not_before:
        faults.add(scope.fault(("deadline",), "is not after not_before"))
    return {field: moment for field, moment in named.items() if moment is not None}
