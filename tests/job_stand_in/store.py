"""The jobs of a stand-in for the job service: plain Python, one tenant, nothing durable."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, final
from uuid import uuid4

from pullback.contract.errors import (
    Cancelled,
    InvalidArgument,
    JobIdReused,
    JobNotFound,
    LimitExceeded,
    ProgramError,
    PullbackError,
)
from pullback.contract.status import to_status
from pullback.v1 import evaluation_pb2
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from google.protobuf.timestamp_pb2 import Timestamp

TERMINAL = {pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED, pb.JOB_STATE_CANCELLED, pb.JOB_STATE_EXPIRED}

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_KEY = re.compile(r"[a-z0-9._/-]{1,63}")
_VALUE = re.compile(r"[A-Za-z0-9._:-]{0,63}")
_OUTPUT_ONLY = [
    "name",
    "state",
    "create_time",
    "queue_time",
    "start_time",
    "finish_time",
    "expire_time",
    "attempts",
    "result",
    "error",
    "reuse",
    "reused_from",
    "tenant",
]

# Seconds that a job stays readable, and that it has, unless it says otherwise.
_LIFE = 86_400
_LONGEST = 7 * 86_400


@dataclass
class Record:
    """A job, and its place among those that were created."""

    place: int
    content: bytes
    job: pb.Job
    last_event: int = 0


@dataclass(frozen=True)
class Change:
    """What happened to a job.

    Attributes:
        number: from 1, without gaps.
        place: of the job.
        job: as it was then; None where it was deleted.
    """

    number: int
    place: int
    name: str
    labels: dict[str, str]
    job: pb.Job | None


@final
@dataclass
class Store:
    """Creates, runs and forgets jobs. Every method holds the lock; `changed` tells of each change.

    Attributes:
        compute: what a job's result is made with.
        records: by name, in the order of creation.
        changes: those that are still held.
        trimmed: the number of the last change that is not.
    """

    compute: Callable[[evaluation_pb2.Evaluation], evaluation_pb2.Result]
    records: dict[str, Record] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    trimmed: int = 0
    changed: threading.Condition = field(default_factory=lambda: threading.Condition(threading.RLock()))
    _created: int = 0

    @property
    def last_change(self) -> int:
        """The number of the newest change."""
        return self.trimmed + len(self.changes)

    def create(self, request: pb.CreateJobRequest) -> pb.Job:
        """Creates a job, or finds it."""
        _check(request)
        made = f"r-{request.request_id}" if request.request_id else uuid4().hex
        name = f"jobs/{request.job_id or made}"
        content = request.job.SerializeToString(deterministic=True)
        with self.changed:
            record = self.records.get(name)
            if record is not None:
                if record.content != content:
                    raise JobIdReused(f"{name} is a job of other content", field="job_id")
                return record.job
            self._created += 1
            job = pb.Job()
            job.CopyFrom(request.job)
            job.name, job.tenant, job.state = name, "public", pb.JOB_STATE_QUEUED
            job.priority = job.priority or pb.JOB_PRIORITY_NORMAL
            job.max_attempts = job.max_attempts or 5
            _stamp(job.create_time)
            job.queue_time.CopyFrom(job.create_time)
            if not job.HasField("deadline_time"):
                job.deadline_time.FromSeconds(job.create_time.seconds + _LONGEST)
            if not job.HasField("time_to_live"):
                job.time_to_live.FromSeconds(_LIFE)
            self.records[name] = Record(self._created, content, job)
            self._note(name)
            return job

    def get(self, name: str) -> pb.Job:
        """Gives a job."""
        with self.changed:
            return self._record(name).job

    def take(self, name: str, worker: str = "stand-in") -> None:
        """Begins an attempt at a job that waits."""
        with self.changed:
            job = self._record(name).job
            assert job.state == pb.JOB_STATE_QUEUED
            job.state = pb.JOB_STATE_RUNNING
            attempt = job.attempts.add(number=len(job.attempts) + 1, worker=worker)
            _stamp(attempt.start_time)
            job.start_time.CopyFrom(attempt.start_time)
            self._note(name)

    def lose(self, name: str) -> None:
        """Ends a running attempt by the loss of its worker; the job waits again."""
        with self.changed:
            job = self._record(name).job
            assert job.state == pb.JOB_STATE_RUNNING
            job.state = pb.JOB_STATE_QUEUED
            job.attempts[-1].end = pb.ATTEMPT_END_WORKER_LOST
            _stamp(job.attempts[-1].end_time)
            _stamp(job.queue_time)
            self._note(name)

    def finish(self, name: str) -> None:
        """Computes a job, taking it first where it waits."""
        with self.changed:
            job = self._record(name).job
            if job.state == pb.JOB_STATE_QUEUED:
                self.take(name)
            try:
                job.result.CopyFrom(self.compute(job.evaluation))
                self._end(name, pb.JOB_STATE_SUCCEEDED, pb.ATTEMPT_END_FINISHED)
            except PullbackError as error:
                job.error.CopyFrom(to_status(error))
                self._end(name, pb.JOB_STATE_FAILED, pb.ATTEMPT_END_FINISHED)

    def finish_all(self) -> None:
        """Computes every job that is not done, in the order of creation."""
        with self.changed:
            for name, record in list(self.records.items()):
                if record.job.state not in TERMINAL:
                    self.finish(name)

    def cancel(self, name: str) -> tuple[pb.Job, bool]:
        """Cancels a job, and tells whether that changed anything."""
        with self.changed:
            job = self._record(name).job
            if job.state in TERMINAL:
                return job, False
            job.error.CopyFrom(to_status(Cancelled("the job was cancelled")))
            self._end(name, pb.JOB_STATE_CANCELLED, pb.ATTEMPT_END_CANCELLED)
            return job, True

    def delete(self, name: str) -> None:
        """Forgets a job."""
        with self.changed:
            record = self._record(name)
            self._note(name, deleted=True)
            del self.records[record.job.name]

    def trim(self) -> None:
        """Forgets all changes so far, as time does."""
        with self.changed:
            self.trimmed = self.last_change
            self.changes.clear()

    def since(self, number: int) -> Iterator[Change]:
        """Gives the changes after one that is still known."""
        return iter(self.changes[number - self.trimmed :])

    def _record(self, name: str) -> Record:
        try:
            return self.records[name]
        except KeyError:
            raise JobNotFound(f"there is no {name}", field="name") from None

    def _end(self, name: str, state: pb.JobState, end: pb.AttemptEnd) -> None:
        job = self.records[name].job
        if job.state == pb.JOB_STATE_RUNNING:
            job.attempts[-1].end = end
            _stamp(job.attempts[-1].end_time)
        job.state = state
        _stamp(job.finish_time)
        job.expire_time.FromNanoseconds(job.finish_time.ToNanoseconds() + job.time_to_live.ToNanoseconds())
        self._note(name)

    def _note(self, name: str, *, deleted: bool = False) -> None:
        record = self.records[name]
        job = None
        if not deleted:
            job = pb.Job()
            job.CopyFrom(record.job)
        self.changes.append(Change(self.last_change + 1, record.place, name, dict(record.job.labels), job))
        self.changed.notify_all()


def _stamp(time_: Timestamp) -> None:
    time_.FromNanoseconds(time.time_ns() // 1_000_000 * 1_000_000)


def _check(request: pb.CreateJobRequest) -> None:
    """Refuses what the service refuses before it keeps anything."""
    job = request.job
    if not request.HasField("job") or not job.HasField("evaluation"):
        raise InvalidArgument("is required", field="job.evaluation")
    present = {descriptor.name for descriptor, _ in job.ListFields()}
    for name in _OUTPUT_ONLY:
        if name in present:
            raise InvalidArgument("is output only", field=f"job.{name}")
    for where, text in (("job_id", request.job_id), ("request_id", request.request_id)):
        if text and not _ID.fullmatch(text):
            raise InvalidArgument(f"{text!r} is not 1 to 128 of A-Z a-z 0-9 . _ : -", field=where)
    if len(job.labels) > 16:
        raise LimitExceeded(f"{len(job.labels)} labels, more than 16", field="job.labels")
    for key, value in job.labels.items():
        if not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise InvalidArgument(f"{key!r}: {value!r} is no label", field="job.labels")
    if not 0 <= job.max_attempts <= 20:
        raise InvalidArgument(f"{job.max_attempts} is not from 1 to 20", field="job.max_attempts")


def echo(evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
    """Gives the inputs as values; the program `fail` raises."""
    if evaluation.program == "fail":
        raise ProgramError("line 1, column 1: no such name `fail`", field="program")
    result = evaluation_pb2.Result(device=evaluation_pb2.DEVICE_CPU, worker="stand-in", engine="0")
    for name, tensor in evaluation.inputs.items():
        result.values[name].CopyFrom(tensor)
    return result
