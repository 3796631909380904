"""Jobs on their way in: checked one by one, created by the hundred."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING
from uuid import uuid4

from google.protobuf.message import DecodeError

from pullback.broker import Created, Submission
from pullback.contract.errors import InvalidArgument, PullbackError
from pullback.contract.lifecycle import Priority
from pullback.contract.names import DEVICE_CLASSES
from pullback.contract.status import to_status
from pullback.gateway.checking import timeout_ms, too_much
from pullback.gateway.jobs import rendering
from pullback.gateway.jobs.fields import check_id, check_known, duration_ms, label_lines, timestamp_ms
from pullback.gateway.wire import LENGTH, Malformed, fields, message
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.broker import Shelves
    from pullback.gateway.checking import Checker
    from pullback.gateway.settings import GatewaySettings
    from pullback.v1 import evaluation_pb2

# Requests in one message.
REQUESTS_AT_ONCE = 10_000

# Jobs and bytes handed to the broker at once, and how often that may be under way: while Redis keeps some, the next
# ones are checked.
JOBS_AT_ONCE = 500
BYTES_AT_ONCE = 2 * 2**20
UNDER_WAY = 2

# How long the event loop is kept, in seconds, before others have a turn; and, while requests are only counted, after
# how many.
TURN_SECONDS = 0.002
COUNTED_AT_ONCE = 2_000

DEFAULT_ATTEMPTS = 5
MOST_ATTEMPTS = 20

# Length of a digest, and what beside the evaluation makes a job the same as another.
_DIGEST_BYTES = 16
_REST = Struct("<BQqQB?")

_SETTABLE = frozenset(
    {
        "evaluation",
        "labels",
        "priority",
        "deadline_time",
        "not_before_time",
        "time_to_live",
        "max_attempts",
        "allow_reuse",
    }
)
_PRIORITIES = frozenset(pb.JobPriority.values())
_DEVICES = {device: number for number, device in enumerate(DEVICE_CLASSES, start=1)}


class Intake:
    """Makes submissions of requests."""

    def __init__(
        self, checker: Checker, settings: GatewaySettings, now: Callable[[], float] = time.time
    ) -> None:
        """Makes an intake; `now` gives the seconds since 1970."""
        self._checker = checker
        self._now = now
        self._most_ms = max(1, int(settings.max_timeout_seconds * 1000))
        self._default_ms = min(max(1, int(settings.default_timeout_seconds * 1000)), self._most_ms)
        self._longest_ms = int(settings.job_deadline_seconds * 1000)
        self._most_ttl_ms = max(1, int(settings.max_job_retention_seconds * 1000))
        self._ttl_ms = min(max(1, int(settings.job_retention_seconds * 1000)), self._most_ttl_ms)

    async def submission(self, request: pb.CreateJobRequest) -> Submission:
        """Checks a request, and makes a submission of it.

        What is refused follows from the request alone and, for `not_before_time`, gets less with time: a request that
        was taken once is never refused when it comes again.

        Raises:
            PullbackError: the first fault, with the path of its field.
        """
        if self._checker.takes_long(request.job.evaluation):
            await asyncio.to_thread(self._check_evaluation, request)
        return self._submission(request)

    def _check_evaluation(self, request: pb.CreateJobRequest) -> None:
        if not request.job.HasField("evaluation"):
            raise InvalidArgument("is required: what to compute", field="job.evaluation")
        self._checker.check(request.job.evaluation)

    def _submission(self, request: pb.CreateJobRequest) -> Submission:
        job = request.job
        _refuse_output_only(job)
        self._check_evaluation(request)
        evaluation = job.evaluation
        attempt_ms = timeout_ms(evaluation, self._default_ms, self._most_ms)
        payload = evaluation.SerializeToString(deterministic=True)
        labels = label_lines(job.labels, "job.labels") if job.labels else ""
        check_known(job.priority, _PRIORITIES, "job.priority")
        priority = job.priority or Priority.NORMAL
        deadline_ms, not_before_ms, ttl_ms = self._times(job)
        attempts = _attempts(job.max_attempts)
        rest = _REST.pack(priority, deadline_ms, not_before_ms, ttl_ms, attempts, job.allow_reuse)
        digest = blake2b(payload, digest_size=_DIGEST_BYTES)
        digest.update(rest + labels.encode())
        return Submission(
            job_id=_job_id(request),
            digest=digest.digest(),
            evaluation=payload,
            device=_DEVICES[evaluation.device] if evaluation.device else 0,
            labels=labels,
            priority=priority,
            timeout_ms=attempt_ms,
            deadline_ms=deadline_ms,
            not_before_ms=not_before_ms,
            ttl_ms=min(ttl_ms or self._ttl_ms, self._most_ttl_ms),
            max_attempts=attempts,
            reuse=_reuse(evaluation, payload) if job.allow_reuse else b"",
        )

    def _times(self, job: pb.Job) -> tuple[int, int, int]:
        """Gives deadline, earliest begin and time to live, in ms; 0 for what is not set."""
        deadline = not_before = ttl = 0
        if job.HasField("deadline_time"):
            deadline = max(1, timestamp_ms(job.deadline_time, "job.deadline_time"))
        if job.HasField("not_before_time"):
            not_before = max(1, timestamp_ms(job.not_before_time, "job.not_before_time", up=True))
            if deadline and not_before >= deadline:
                raise InvalidArgument("is not before deadline_time", field="job.not_before_time")
            if not_before >= self._now() * 1000 + self._longest_ms:
                raise InvalidArgument(
                    f"is further ahead than a job may wait, which is {self._longest_ms / 1000:,.0f} s",
                    field="job.not_before_time",
                )
        if job.HasField("time_to_live"):
            ttl = duration_ms(job.time_to_live, "job.time_to_live")
        return deadline, not_before, ttl


def _refuse_output_only(job: pb.Job) -> None:
    for field, _ in job.ListFields():
        if field.name not in _SETTABLE:
            raise InvalidArgument("is the service's to set; leave it out", field=f"job.{field.name}")


def _attempts(given: int) -> int:
    if not 0 <= given <= MOST_ATTEMPTS:
        raise InvalidArgument(f"{given} is not from 1 to {MOST_ATTEMPTS}", field="job.max_attempts")
    return given or DEFAULT_ATTEMPTS


def _job_id(request: pb.CreateJobRequest) -> str:
    check_id(request.job_id, "job_id")
    check_id(request.request_id, "request_id")
    if request.job_id:
        return request.job_id
    if request.request_id:
        return "r-" + blake2b(request.request_id.encode(), digest_size=16).hexdigest()
    return uuid4().hex


def _reuse(evaluation: evaluation_pb2.Evaluation, payload: bytes) -> bytes:
    """Gives a digest of what the result depends on: all of an evaluation but its time limit."""
    if evaluation.HasField("timeout"):
        pure = type(evaluation).FromString(payload)
        pure.ClearField("timeout")
        payload = pure.SerializeToString(deterministic=True)
    return blake2b(payload, digest_size=_DIGEST_BYTES).digest()


class Batch:
    """Many requests of one message, each created or refused on its own."""

    def __init__(self, intake: Intake, shelves: Shelves, tenant: bytes) -> None:
        self._intake = intake
        self._shelves = shelves
        self._tenant = tenant
        self._outcomes: list[bytes] = []
        self._gathered: list[tuple[int, Submission]] = []
        self._under_way: deque[asyncio.Task[None]] = deque()

    async def create(self, data: bytes) -> bytes:
        """Reads a serialised `BatchCreateJobsRequest`, and writes the response.

        Part by part, so that a message of eighty megabytes keeps nobody waiting: others have a turn of the event loop
        every few milliseconds.

        Raises:
            PullbackError: it is no such message, there are too many requests, or the service could not keep them.
        """
        places = await _places(data)
        self._outcomes = [b""] * len(places)
        pause, size = time.monotonic() + TURN_SECONDS, 0
        try:
            for number, (begin, end) in enumerate(places):
                try:
                    submission = await self._intake.submission(_request(data[begin:end]))
                except PullbackError as error:
                    self._outcomes[number] = message(2, to_status(error).SerializeToString())
                else:
                    self._gathered.append((number, submission))
                    size += len(submission.evaluation)
                    if len(self._gathered) >= JOBS_AT_ONCE or size >= BYTES_AT_ONCE:
                        await self._hand_over()
                        size = 0
                if time.monotonic() > pause:
                    await asyncio.sleep(0)
                    pause = time.monotonic() + TURN_SECONDS
            await self._hand_over()
            await self._let_finish(0)
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        return b"".join(message(1, outcome) for outcome in self._outcomes)

    async def _hand_over(self) -> None:
        if self._gathered:
            await self._let_finish(UNDER_WAY - 1)
            self._under_way.append(asyncio.create_task(self._create(self._gathered)))
            self._gathered = []

    async def _let_finish(self, left: int) -> None:
        while len(self._under_way) > left:
            await self._under_way[0]
            self._under_way.popleft()

    async def _create(self, jobs: list[tuple[int, Submission]]) -> None:
        answers = await self._shelves.create(self._tenant, [submission for _, submission in jobs])
        for (number, _), answer in zip(jobs, answers, strict=True):
            self._outcomes[number] = (
                message(1, rendering.created(answer))
                if isinstance(answer, Created)
                else message(2, to_status(answer).SerializeToString())
            )


async def _places(data: bytes) -> list[tuple[int, int]]:
    """Finds the requests of a batch, without reading them."""
    places: list[tuple[int, int]] = []
    try:
        for field in fields(data):
            if field.number == 1 and field.kind == LENGTH:
                places.append((field.begin, field.end))
                if len(places) % COUNTED_AT_ONCE == 0:
                    await asyncio.sleep(0)
    except Malformed:
        raise InvalidArgument(
            f"the bytes are not a {pb.BatchCreateJobsRequest.DESCRIPTOR.full_name}"
        ) from None
    if len(places) > REQUESTS_AT_ONCE:
        raise too_much("requests", "jobs in one message", len(places), REQUESTS_AT_ONCE)
    return places


def _request(data: bytes) -> pb.CreateJobRequest:
    try:
        return pb.CreateJobRequest.FromString(data)
    except DecodeError:
        raise InvalidArgument(f"the bytes are not a {pb.CreateJobRequest.DESCRIPTOR.full_name}") from None
