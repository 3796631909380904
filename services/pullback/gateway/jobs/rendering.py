"""Jobs as the wire has them, made of the records that the broker gives.

By hand, not by filling in messages: a job's evaluation and outcome are bytes already, which become fields of the job as
they are, and a watch gives a hundred thousand jobs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from pullback.contract.lifecycle import AttemptEnd, State
from pullback.contract.limits import MAX_MESSAGE_BYTES
from pullback.contract.names import JOBS
from pullback.gateway.wire import LENGTH, fields, integer, message, tag, text, varint
from pullback.v1 import gradient_pb2
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.broker import Created, StoredAttempt, StoredJob

STATES = {
    State.QUEUED: pb.JOB_STATE_QUEUED,
    State.RUNNING: pb.JOB_STATE_RUNNING,
    State.SUCCEEDED: pb.JOB_STATE_SUCCEEDED,
    State.FAILED: pb.JOB_STATE_FAILED,
    State.CANCELLED: pb.JOB_STATE_CANCELLED,
    State.EXPIRED: pb.JOB_STATE_EXPIRED,
}

_ENDS = {
    AttemptEnd.FINISHED: pb.ATTEMPT_END_FINISHED,
    AttemptEnd.WORKER_LOST: pb.ATTEMPT_END_WORKER_LOST,
    AttemptEnd.EVALUATOR_LOST: pb.ATTEMPT_END_EVALUATOR_LOST,
    AttemptEnd.CANCELLED: pb.ATTEMPT_END_CANCELLED,
    AttemptEnd.EXPIRED: pb.ATTEMPT_END_EXPIRED,
    AttemptEnd.PUT_BACK: pb.ATTEMPT_END_PUT_BACK,
}

_REUSES = {"H": pb.REUSE_HIT, "M": pb.REUSE_MISS}

_NUMBERS = {field.name: field.number for field in pb.Job.DESCRIPTOR.fields}

# Fields of `EvaluateOutcome` -> the fields of `Job` that hold the same.
_OUTCOME = gradient_pb2.EvaluateOutcome.DESCRIPTOR.fields_by_name
_OUTCOMES = {_OUTCOME["result"].number: _NUMBERS["result"], _OUTCOME["error"].number: _NUMBERS["error"]}

_NAME = tag(_NUMBERS["name"], LENGTH)
_STATE = {state: integer(_NUMBERS["state"], number) for state, number in STATES.items()}
_PRIORITY = {number: integer(_NUMBERS["priority"], number) for number in pb.JobPriority.values()}
_REUSE_ALLOWED = integer(_NUMBERS["allow_reuse"], 1)

# Bytes of evaluation and result together that go into one message. By itself each of them does.
MOST_BYTES = MAX_MESSAGE_BYTES - 2**20

# What is the same for many jobs, remembered.
REMEMBERED = 4_096


def job(stored: StoredJob, tenant: str) -> bytes:
    """Writes a job with all that was fetched of it."""
    parts = [
        _name(stored.job_id),
        message(_NUMBERS["evaluation"], stored.evaluation) if stored.evaluation is not None else b"",
        _labels(stored.labels),
        _PRIORITY[stored.priority],
        _time("deadline_time", stored.deadline_ms),
        _time("not_before_time", stored.not_before_ms),
        _duration(stored.ttl_ms),
        integer(_NUMBERS["max_attempts"], stored.max_attempts),
        _REUSE_ALLOWED if stored.reuse else b"",
        _STATE[stored.state],
        _time("create_time", stored.created_ms),
        _time("queue_time", stored.queued_ms),
        _time("start_time", stored.started_ms),
        _time("finish_time", stored.finished_ms),
        _time("expire_time", stored.expires_ms),
        *map(_attempt, stored.attempts),
        *_outcome(stored.outcome or b""),
        integer(_NUMBERS["reuse"], _REUSES[stored.reused]) if stored.reused else b"",
        text(_NUMBERS["reused_from"], JOBS + stored.reused_from) if stored.reused_from else b"",
        _tenant(tenant),
    ]
    return b"".join(parts)


def listed_job(stored: StoredJob, tenant: str) -> bytes:
    """Writes a job that is one of several; without its evaluation where a message has no room for it and the result."""
    size = len(stored.evaluation or b"") + len(stored.outcome or b"")
    return job(stored if size < MOST_BYTES else stored._replace(evaluation=None), tenant)


def created(job: Created) -> bytes:
    """Writes a job that was created, as `BatchCreateJobsOutcome` has it."""
    return _name(job.job_id) + _STATE[job.state] + _time("create_time", job.created_ms)


def _name(job_id: str) -> bytes:
    name = (JOBS + job_id).encode()
    return _NAME + varint(len(name)) + name


@lru_cache(REMEMBERED)
def _labels(lines: str) -> bytes:
    pairs = (line.partition("=") for line in lines.split("\n") if line)
    return b"".join(message(_NUMBERS["labels"], text(1, key) + text(2, value)) for key, _, value in pairs)


@lru_cache(REMEMBERED)
def _time(field: str, milliseconds: int) -> bytes:
    return message(_NUMBERS[field], _timestamp(milliseconds)) if milliseconds else b""


def _timestamp(milliseconds: int) -> bytes:
    seconds, rest = divmod(milliseconds, 1000)
    return integer(1, seconds) + integer(2, rest * 1_000_000)


@lru_cache(REMEMBERED)
def _duration(milliseconds: int) -> bytes:
    return message(_NUMBERS["time_to_live"], _timestamp(milliseconds))


@lru_cache
def _tenant(tenant: str) -> bytes:
    return text(_NUMBERS["tenant"], tenant)


def _attempt(attempt: StoredAttempt) -> bytes:
    parts = [integer(1, attempt.number), text(2, attempt.worker), message(3, _timestamp(attempt.started_ms))]
    if attempt.end:
        parts += (message(4, _timestamp(attempt.ended_ms)), integer(5, _ENDS[attempt.end]))
    return message(_NUMBERS["attempts"], b"".join(parts))


def _outcome(outcome: bytes) -> Iterable[bytes]:
    for field in fields(outcome):
        if field.number in _OUTCOMES:
            yield message(_OUTCOMES[field.number], outcome[field.begin : field.end])
