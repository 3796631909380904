"""What goes into an evaluator and what comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pullback.contract.status import to_status
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from pullback.contract.lifecycle import Event

#: With so many deaths a job is not tried again, where its owner does not say otherwise.
MAX_DEATHS = 2


class Job(NamedTuple):
    """A job as an evaluator needs to know it.

    Attributes:
        id: tells the jobs of one batch apart.
        evaluation: a serialised `pullback.v1.Evaluation`.
        accept_ms: when it was accepted, in milliseconds since the epoch.
        deadline_ms: when it must be finished, in milliseconds since the epoch.
        deaths: how many evaluators died while this job ran alone in them.
        most_deaths: with how many it is not tried again.
        tenant: the tag of whose it is.
    """

    id: str
    evaluation: bytes
    accept_ms: int
    deadline_ms: int
    deaths: int = 0
    tenant: bytes = b""
    most_deaths: int = MAX_DEATHS


class Outcome(NamedTuple):
    """What became of a job.

    Attributes:
        job_id: the job's `Job.id`.
        event: SUCCEED, FAIL, CANCEL, EXPIRE; or LOSE: it lost its evaluator, and may be tried again.
        message: a serialised `pullback.v1.EvaluateOutcome` without a request id; empty for LOSE.
    """

    job_id: str
    event: Event
    message: bytes


def error_message(error: BaseException) -> bytes:
    """Serialises an error as an `EvaluateOutcome`."""
    return gradient_pb2.EvaluateOutcome(error=to_status(error)).SerializeToString(deterministic=True)
