"""Jobs as the service gives them. No I/O.

Strategy: a job keeps its message and reads a field when it is asked for, since a script that watches a hundred thousand
jobs looks at their states alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, NamedTuple, final

from pullback.client.jobs.asking import job_id
from pullback.client.jobs.words import (
    ENDS,
    PRIORITY_WORDS,
    REUSES,
    STATE_WORDS,
    TERMINAL,
    JobPriority,
    JobState,
)
from pullback.client.reading import Evaluated
from pullback.contract.errors import InternalFault, PullbackError
from pullback.contract.status import from_status

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from pullback.v1 import job_pb2 as pb
    from pullback.v1.evaluation_pb2 import Evaluation


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job.

    Attributes:
        number: from 1.
        worker: the name of the worker that had the job.
        start_time: when it took the job.
        end_time: when the attempt ended; None while it runs.
        end: ``finished``, ``worker_lost``, ``evaluator_lost``, ``cancelled``, ``expired`` or ``put_back``; empty while
            it runs.
    """

    number: int
    worker: str
    start_time: datetime
    end_time: datetime | None
    end: str


@final
class Job:
    """A job as it was when the service gave it. Times are in UTC, by the service's clock."""

    __slots__ = ("_evaluated", "_message", "_order")

    def __init__(self, message: pb.Job, order: Evaluation | None = None) -> None:
        """Takes a job.

        Args:
            message: as it travelled.
            order: what was asked for, where the message does not tell; None where it is not known.
        """
        self._message = message
        self._order = message.evaluation if message.HasField("evaluation") else order
        self._evaluated: Evaluated | None = None

    def __repr__(self) -> str:
        return f"<Job {self.name} {self.state}>"

    @property
    def message(self) -> pb.Job:
        """The job as it travelled."""
        return self._message

    @property
    def name(self) -> str:
        """``jobs/`` and the id."""
        return self._message.name

    @property
    def id(self) -> str:
        """The id."""
        return job_id(self._message.name)

    @property
    def state(self) -> JobState:
        """What the job is doing.

        Raises:
            InternalFault: the service gives a state that this client does not know.
        """
        state = STATE_WORDS.get(self._message.state)
        if state is None:
            raise InternalFault(
                f"{self.name} is in a state {self._message.state} that this client does not know"
            )
        return state

    @property
    def done(self) -> bool:
        """Whether the state is one that the job never leaves."""
        return self._message.state in TERMINAL

    @property
    def known(self) -> bool:
        """Whether the job is done and what came of it is here too."""
        return self.done and self._message.WhichOneof("outcome") is not None

    @property
    def evaluated(self) -> Evaluated | None:
        """The result, where the job succeeded and the view has it."""
        if self._evaluated is None and self._message.WhichOneof("outcome") == "result":
            self._evaluated = Evaluated(self._message.result, self._order)
        return self._evaluated

    @property
    def error(self) -> PullbackError | None:
        """Why there is no result, where the job failed, expired or was cancelled. Not raised."""
        if self._message.WhichOneof("outcome") != "error":
            return None
        return from_status(self._message.error) or InternalFault(
            f"{self.name} has an error that this client does not know: {self._message.error.message}"
        )

    @property
    def evaluation(self) -> Evaluation | None:
        """What is computed; in the view ``full`` alone."""
        return self._message.evaluation if self._message.HasField("evaluation") else None

    @property
    def labels(self) -> dict[str, str]:
        """The words to find it by."""
        return dict(self._message.labels)

    @property
    def priority(self) -> JobPriority:
        """Which of the tenant's jobs go first."""
        return PRIORITY_WORDS.get(self._message.priority, "normal")

    @property
    def deadline_time(self) -> datetime | None:
        """When it expires unless it is finished."""
        return _time(self._message, "deadline_time")

    @property
    def not_before_time(self) -> datetime | None:
        """When an attempt may begin at the soonest; None for at once."""
        return _time(self._message, "not_before_time")

    @property
    def time_to_live(self) -> timedelta:
        """How long it stays readable once it is done."""
        return self._message.time_to_live.ToTimedelta()

    @property
    def max_attempts(self) -> int:
        """How many attempts it may have."""
        return self._message.max_attempts

    @property
    def allow_reuse(self) -> bool:
        """Whether a stored result may be the answer."""
        return self._message.allow_reuse

    @property
    def create_time(self) -> datetime | None:
        """When it was durably accepted."""
        return _time(self._message, "create_time")

    @property
    def queue_time(self) -> datetime | None:
        """When it last came to wait where workers look."""
        return _time(self._message, "queue_time")

    @property
    def start_time(self) -> datetime | None:
        """When its last attempt began; None before the first."""
        return _time(self._message, "start_time")

    @property
    def finish_time(self) -> datetime | None:
        """When it was done; None before."""
        return _time(self._message, "finish_time")

    @property
    def expire_time(self) -> datetime | None:
        """When it will be gone; None before it is done."""
        return _time(self._message, "expire_time")

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts so far, in order."""
        return tuple(_attempt(attempt) for attempt in self._message.attempts)

    @property
    def reuse(self) -> Literal["hit", "miss", ""]:
        """Whether it was answered from a stored result; empty where that is not allowed, or not known yet."""
        return REUSES.get(self._message.reuse, "")

    @property
    def reused_from(self) -> str:
        """The name of the job whose result it is; empty where it has its own."""
        return self._message.reused_from

    @property
    def tenant(self) -> str:
        """Whom it belongs to."""
        return self._message.tenant


class News(NamedTuple):
    """Some news of the jobs that are watched.

    Attributes:
        jobs: those that are new to the caller or changed, each as it is now.
        deleted: the names of those that were deleted or whose time to live ended.
        cursor: where a later watch of the same jobs goes on.
        caught_up: True from the news on with which the caller has the present state of every job. After a break it is
            False again, until what happened meanwhile was given.
    """

    jobs: tuple[Job, ...]
    deleted: tuple[str, ...]
    cursor: str
    caught_up: bool


def read_news(response: pb.WatchJobsResponse) -> News:
    """Takes a message of a watch."""
    return News(
        tuple(map(Job, response.jobs)), tuple(response.deleted_names), response.cursor, response.caught_up
    )


def _time(
    message: pb.Job,
    field: Literal[
        "deadline_time",
        "not_before_time",
        "create_time",
        "queue_time",
        "start_time",
        "finish_time",
        "expire_time",
    ],
) -> datetime | None:
    if not message.HasField(field):
        return None
    time: Timestamp = getattr(message, field)
    return time.ToDatetime(UTC)


def _attempt(attempt: pb.Attempt) -> Attempt:
    return Attempt(
        number=attempt.number,
        worker=attempt.worker,
        start_time=attempt.start_time.ToDatetime(UTC),
        end_time=attempt.end_time.ToDatetime(UTC) if attempt.HasField("end_time") else None,
        end=ENDS.get(attempt.end, "unknown") if attempt.end else "",
    )
