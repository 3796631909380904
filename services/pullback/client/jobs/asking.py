"""What a caller asks of the job service, as messages. No I/O."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol, TypedDict

from pullback.client.building import evaluation, new_request_id
from pullback.client.jobs.words import (
    PRIORITIES,
    STATES,
    TERMINAL,
    VIEWS,
    JobPriority,
    JobState,
    JobView,
    number_of,
)
from pullback.contract.errors import InvalidArgument
from pullback.v1 import job_pb2 as pb
from pullback.v1.evaluation_pb2 import Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping

    from google.protobuf.timestamp_pb2 import Timestamp

    from pullback.client.building import Device, Names, Values
    from pullback.client.derivatives import Derivative

#: What can be submitted: what `job` makes, or an evaluation that needs nothing else.
Submittable = pb.CreateJobRequest | Evaluation

#: Most names in one filter; the service refuses more.
MAX_NAMES = 10_000

#: Most jobs in one page; the service shortens longer ones.
MAX_PAGE = 1_000

_PREFIX = "jobs/"

#: A point in time: a datetime with its time zone, or so long from now, as a timedelta or in seconds.
When = datetime | timedelta | float


class Named(Protocol):
    """Whatever has a job's name: a job, a future."""

    @property
    def name(self) -> str:
        """``jobs/`` and the id."""


#: A job, or its name, or its id alone.
JobLike = str | Named


class Conditions(TypedDict, total=False):
    """Which jobs are meant. Every condition that is given must hold.

    Attributes:
        states: the job is in one of these states.
        labels: the job has all of these labels.
        created_from: the job was created at this time or later; a datetime with its time zone.
        created_before: the job was created before this time.
        names: the job has one of these names, at most 10,000.
    """

    states: JobState | Iterable[JobState]
    labels: Mapping[str, str]
    created_from: datetime
    created_before: datetime
    names: Iterable[JobLike]


class EvaluationOptions(TypedDict, total=False):
    """What a program is evaluated with: the keywords of `evaluation`."""

    outputs: Names
    wrt: Names
    derivative: Derivative
    cotangents: Values | None
    tangents: Values | None
    stacked: bool
    batched_inputs: Names
    value_only: bool
    return_graph: bool
    return_program_graph: bool
    check_gradient: bool
    detect_anomaly: bool
    device: Device
    timeout: float | None
    seed: int


class JobOptions(TypedDict, total=False):
    """What a job is given beside its evaluation: the keywords of `job`."""

    job_id: str
    request_id: str
    labels: Mapping[str, str] | None
    priority: JobPriority
    deadline: When | None
    not_before: When | None
    time_to_live: timedelta | float | None
    max_attempts: int | None
    allow_reuse: bool


class SubmitOptions(EvaluationOptions, JobOptions, total=False):
    """Both."""


def job(
    evaluated: Evaluation,
    /,
    *,
    job_id: str = "",
    request_id: str = "",
    labels: Mapping[str, str] | None = None,
    priority: JobPriority = "normal",
    deadline: When | None = None,
    not_before: When | None = None,
    time_to_live: timedelta | float | None = None,
    max_attempts: int | None = None,
    allow_reuse: bool = False,
) -> pb.CreateJobRequest:
    """Makes a job, to be given to `submit_many`.

    A job that is sent again under the same id is the same job only where everything else is the same too. With an id
    of your own, give `deadline` and `not_before` as datetimes: counted from now, they differ each time.

    Args:
        evaluated: made by `evaluation`. Its `timeout` bounds each attempt, from its start.
        job_id: the id that the job is to have; empty for one of the service's.
        request_id: a name for this creation, by which the service knows it again; empty for a new one.
        labels: words to find the job by, at most 16.
        priority: which of your jobs go first.
        deadline: when the job is given up where it is not finished, waiting included; None for the service's longest.
        not_before: when an attempt may begin at the soonest; None for at once.
        time_to_live: how long the job stays readable once it is finished, a timedelta or seconds; None for the
            service's default.
        max_attempts: how many attempts may lose their worker, from 1 to 20; None for the service's default.
        allow_reuse: True where the stored result of an identical evaluation of yours may be the answer.

    Raises:
        InvalidArgument: an argument cannot be sent; `field` names it.
    """
    request = pb.CreateJobRequest(job_id=job_id, request_id=request_id)
    message = request.job
    message.evaluation.CopyFrom(evaluated)
    write_labels(message.labels, labels or {})
    if priority != "normal":  # the wire's default, left out so that jobs stay short
        message.priority = number_of(priority, PRIORITIES, "priority")
    if deadline is not None:
        _write_time(message.deadline_time, deadline, "deadline")
    if not_before is not None:
        _write_time(message.not_before_time, not_before, "not_before")
    if time_to_live is not None:
        with _named("time_to_live", time_to_live):
            message.time_to_live.FromTimedelta(_span(time_to_live))
    if max_attempts is not None:
        if not 1 <= max_attempts <= 20:
            raise InvalidArgument(f"{max_attempts} is not from 1 to 20", field="max_attempts")
        message.max_attempts = max_attempts
    message.allow_reuse = allow_reuse
    return request


def one_job(what: str | Submittable, inputs: Values | None, options: SubmitOptions) -> pb.CreateJobRequest:
    """Makes the request of `submit`, which creates the same job however often it is sent.

    Raises:
        InvalidArgument: an argument cannot be sent; `field` names it.
        TypeError: there are arguments that do not go together.
    """
    for_job = {key: value for key, value in options.items() if key in JobOptions.__annotations__}
    for_evaluation = {key: value for key, value in options.items() if key not in for_job}
    if isinstance(what, str):
        request = job(evaluation(what, inputs, **for_evaluation), **for_job)  # type: ignore[arg-type]
    elif inputs is not None or for_evaluation:
        extra = ", ".join(for_evaluation) or "inputs"
        raise TypeError(f"{extra} goes with a program's text; an evaluation has its own already")
    elif isinstance(what, Evaluation):
        request = job(what, **for_job)  # type: ignore[arg-type]
    elif for_job:
        raise TypeError(f"{', '.join(for_job)} goes with an evaluation; a job has its own already")
    else:
        request = pb.CreateJobRequest()
        request.CopyFrom(what)
    if not request.job_id and not request.request_id:
        request.request_id = new_request_id()
    return request


def job_again(done: pb.Job, job_id: str) -> pb.CreateJobRequest:
    """Makes the request that runs a job, given in full, anew: the same one for the same end of it.

    Raises:
        InvalidArgument: the job is not done.
    """
    if done.state not in TERMINAL:
        state = pb.JobState.Name(done.state)
        raise InvalidArgument(f"{done.name} is in {state}; a job runs again once it is done", field="name")
    request = pb.CreateJobRequest(job_id=job_id)
    if not job_id:
        end = f"{done.name} {done.finish_time.ToNanoseconds()}".encode()
        request.request_id = f"retry-{blake2b(end, digest_size=16).hexdigest()}"
    job = request.job
    job.evaluation.CopyFrom(done.evaluation)
    write_labels(job.labels, done.labels)
    job.priority = done.priority
    if done.HasField("time_to_live"):
        job.time_to_live.CopyFrom(done.time_to_live)
    job.max_attempts = done.max_attempts
    job.allow_reuse = done.allow_reuse
    return request


def job_filter(conditions: Conditions) -> pb.JobFilter:
    """Makes a filter of conditions.

    Raises:
        InvalidArgument: a condition cannot be sent; `field` names it.
    """
    message = pb.JobFilter()
    states = conditions.get("states", ())
    for state in (states,) if isinstance(states, str) else states:
        message.states.append(number_of(state, STATES, "states"))
    write_labels(message.labels, conditions.get("labels", {}))
    if "created_from" in conditions:
        _write_time(message.created_from, conditions["created_from"], "created_from")
    if "created_before" in conditions:
        _write_time(message.created_before, conditions["created_before"], "created_before")
    if "names" in conditions:
        message.names.extend(map(job_name, conditions["names"]))
        # A filter without names means all jobs, which is not what an empty list of names means.
        if not 1 <= len(message.names) <= MAX_NAMES:
            raise InvalidArgument(f"{len(message.names):,} names, not from 1 to {MAX_NAMES:,}", field="names")
    return message


def any_filter(conditions: Conditions) -> pb.JobFilter:
    """Makes a filter that means not all jobs.

    Raises:
        InvalidArgument: there is no condition, or one cannot be sent; `field` names it.
    """
    message = job_filter(conditions)
    if not message.ByteSize():
        raise InvalidArgument("no condition is given, which would mean every job there is", field="filter")
    return message


def list_request(view: JobView, page_size: int, conditions: Conditions) -> pb.ListJobsRequest:
    """Makes the request for the first page.

    Raises:
        InvalidArgument: something cannot be sent; `field` names it.
    """
    if not 0 <= page_size <= MAX_PAGE:
        raise InvalidArgument(f"{page_size} is not from 0 to {MAX_PAGE:,}", field="page_size")
    size = page_size or (
        MAX_PAGE if view == "basic" else 100
    )  # results may be big, and a page is one message
    return pb.ListJobsRequest(filter=job_filter(conditions), page_size=size, view=view_number(view))


def view_number(view: JobView) -> pb.JobView:
    """Gives the wire's number for a view.

    Raises:
        InvalidArgument: there is no such view.
    """
    return number_of(view, VIEWS, "view")


def job_name(job: JobLike) -> str:
    """Gives the name of a job, of which the id alone may be given."""
    text = job if isinstance(job, str) else job.name
    return text if text.startswith(_PREFIX) else _PREFIX + text


def job_id(name: str) -> str:
    """Gives the id in a job's name."""
    return name.removeprefix(_PREFIX)


def write_labels(labels: MutableMapping[str, str], values: Mapping[str, str]) -> None:
    """Puts labels into a message's map.

    Raises:
        InvalidArgument: one is no text.
    """
    for key, value in values.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InvalidArgument(f"{key!r}: {value!r} is not a text for a text", field="labels")
        labels[key] = value


def _write_time(message: Timestamp, when: When, field: str) -> None:
    if isinstance(when, datetime) and when.tzinfo is None:
        raise InvalidArgument(f"{when.isoformat()} has no time zone, such as datetime.UTC", field=field)
    with _named(field, when):
        message.FromDatetime(when if isinstance(when, datetime) else datetime.now(UTC) + _span(when))


def _span(span: timedelta | float) -> timedelta:
    return span if isinstance(span, timedelta) else timedelta(seconds=span)


@contextmanager
def _named(field: str, value: object) -> Iterator[None]:
    """Translates what Python says of times that are none."""
    try:
        yield
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"{value!r} is no time that can be sent: {error}", field=field) from error
