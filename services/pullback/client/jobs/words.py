"""The wire's numbers for states, priorities and views, as words."""

from __future__ import annotations

from typing import Literal, TypeVar

from pullback.contract.errors import InvalidArgument
from pullback.v1 import job_pb2 as pb

_Number = TypeVar("_Number", bound=int)

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled", "expired"]
JobPriority = Literal["interactive", "normal", "bulk"]

#: How much of a job is given: ``basic`` leaves the evaluation and the result out, ``result`` the evaluation.
JobView = Literal["basic", "result", "full"]

STATES: dict[str, pb.JobState] = {
    "queued": pb.JOB_STATE_QUEUED,
    "running": pb.JOB_STATE_RUNNING,
    "succeeded": pb.JOB_STATE_SUCCEEDED,
    "failed": pb.JOB_STATE_FAILED,
    "cancelled": pb.JOB_STATE_CANCELLED,
    "expired": pb.JOB_STATE_EXPIRED,
}

PRIORITIES: dict[str, pb.JobPriority] = {
    "interactive": pb.JOB_PRIORITY_INTERACTIVE,
    "normal": pb.JOB_PRIORITY_NORMAL,
    "bulk": pb.JOB_PRIORITY_BULK,
}

VIEWS: dict[str, pb.JobView] = {
    "basic": pb.JOB_VIEW_BASIC,
    "result": pb.JOB_VIEW_RESULT,
    "full": pb.JOB_VIEW_FULL,
}

STATE_WORDS: dict[int, JobState] = {
    pb.JOB_STATE_QUEUED: "queued",
    pb.JOB_STATE_RUNNING: "running",
    pb.JOB_STATE_SUCCEEDED: "succeeded",
    pb.JOB_STATE_FAILED: "failed",
    pb.JOB_STATE_CANCELLED: "cancelled",
    pb.JOB_STATE_EXPIRED: "expired",
}

PRIORITY_WORDS: dict[int, JobPriority] = {
    pb.JOB_PRIORITY_INTERACTIVE: "interactive",
    pb.JOB_PRIORITY_NORMAL: "normal",
    pb.JOB_PRIORITY_BULK: "bulk",
}

#: The states that a job never leaves.
TERMINAL = frozenset(
    {pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED, pb.JOB_STATE_EXPIRED}
)

ENDS: dict[int, str] = {
    pb.ATTEMPT_END_FINISHED: "finished",
    pb.ATTEMPT_END_WORKER_LOST: "worker_lost",
    pb.ATTEMPT_END_EVALUATOR_LOST: "evaluator_lost",
    pb.ATTEMPT_END_CANCELLED: "cancelled",
    pb.ATTEMPT_END_EXPIRED: "expired",
    pb.ATTEMPT_END_PUT_BACK: "put_back",
}

REUSES: dict[int, Literal["hit", "miss"]] = {pb.REUSE_HIT: "hit", pb.REUSE_MISS: "miss"}


def number_of(word: str, table: dict[str, _Number], field: str) -> _Number:
    """Gives the wire's number for a word.

    Raises:
        InvalidArgument: the table has no such word.
    """
    number = table.get(word)
    if number is None:
        raise InvalidArgument(f"{word!r} is none of {', '.join(table)}", field=field)
    return number
