from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.gateway.jobs.shelf import MemoryShelves

from pullback.contract.errors import InvalidArgument, LimitExceeded, Overloaded, ProgramError, PullbackError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.tensors import encode
from pullback.gateway.checking import Checker
from pullback.gateway.jobs import creating
from pullback.gateway.jobs.creating import Batch, Intake
from pullback.gateway.settings import GatewaySettings
from pullback.v1 import job_pb2 as pb
from pullback.v1.evaluation_pb2 import DEVICE_CUDA, Evaluation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.broker import Submission

NOW = 1_800_000_000.0
TENANT = bytes(8)


def intake(now: float = NOW) -> Intake:
    """An intake with the usual settings, at a moment."""
    return Intake(Checker(DEFAULT_LIMITS), GatewaySettings(), lambda: now)


def request(value: float = 1.0, **fields: Any) -> pb.CreateJobRequest:
    """A request whose evaluation is told apart by one number."""
    evaluation = Evaluation(program="y = x", inputs={"x": encode(np.array(value))})
    return pb.CreateJobRequest(job=pb.Job(evaluation=evaluation), **fields)


def submission(given: pb.CreateJobRequest, now: float = NOW) -> Submission:
    """Checks a request."""
    return asyncio.run(intake(now).submission(given))


def test_what_is_not_said_is_the_services_default() -> None:
    """Normal, at once, five attempts, kept for a day, until the longest deadline, computed anew."""
    made = submission(request())
    assert made.priority == 2
    assert (made.deadline_ms, made.not_before_ms, made.ttl_ms) == (0, 0, 86_400_000)
    assert (made.max_attempts, made.timeout_ms, made.device) == (5, 30_000, 0)
    assert (made.reuse, made.labels) == (b"", "")
    assert Evaluation.FromString(made.evaluation) == request().job.evaluation


def test_everything_that_is_said_is_taken_over() -> None:
    """Times in ms, labels as lines, the device by its number, a longer life than the longest as the longest."""
    given = request(job_id="a")
    job = given.job
    job.evaluation.device = DEVICE_CUDA
    job.evaluation.timeout.seconds = 7
    job.labels["b"], job.labels["a"] = "2", "1"
    job.priority = pb.JOB_PRIORITY_BULK
    job.deadline_time.FromMilliseconds(1_900_000_000_123)
    job.not_before_time.FromMilliseconds(1_800_000_100_000)
    job.time_to_live.FromSeconds(10**9)
    job.max_attempts = 20
    job.allow_reuse = True
    made = submission(given)
    assert (made.job_id, made.device, made.labels, made.priority) == ("a", 2, "\na=1\nb=2\n", 3)
    assert (made.timeout_ms, made.deadline_ms, made.not_before_ms) == (
        7_000,
        1_900_000_000_123,
        1_800_000_100_000,
    )
    assert (made.ttl_ms, made.max_attempts, len(made.reuse)) == (2_592_000_000, 20, 16)


def _set(**values: int) -> Callable[[pb.CreateJobRequest], None]:
    def fill(given: pb.CreateJobRequest) -> None:
        for name, value in values.items():
            part: Any = given
            *way, last = name.split("__")
            for step in way:
                part = getattr(part, step)
            setattr(part, last, value)

    return fill


@pytest.mark.parametrize(
    ("fill", "field"),
    [
        (lambda given: given.job.ClearField("evaluation"), "job.evaluation"),
        (lambda given: given.ClearField("job"), "job.evaluation"),
        (_set(job__evaluation__device=9), "device"),
        (_set(job__evaluation__timeout__seconds=-1), "timeout"),
        (lambda given: given.job.evaluation.inputs["x"].shape.append(2), 'inputs["x"].data'),
        (lambda given: given.job.labels.update({"A": "b"}), "job.labels"),
        (lambda given: given.job.labels.update({"a": "b c"}), 'job.labels["a"]'),
        (_set(job__priority=4), "job.priority"),
        (_set(job__max_attempts=21), "job.max_attempts"),
        (_set(job__max_attempts=-1), "job.max_attempts"),
        (_set(job__deadline_time__nanos=-1), "job.deadline_time"),
        (_set(job__not_before_time__seconds=2**60), "job.not_before_time"),
        (_set(job__time_to_live__nanos=-1), "job.time_to_live"),
        (_set(job__time_to_live__seconds=2**63 - 1), "job.time_to_live"),
        (lambda given: given.job.time_to_live.SetInParent(), "job.time_to_live"),
        (
            _set(job__deadline_time__seconds=1_800_000_100, job__not_before_time__seconds=1_800_000_100),
            "job.not_before_time",
        ),
        (_set(job__not_before_time__seconds=int(NOW) + 7 * 86_400), "job.not_before_time"),
        (_set(job__state=1), "job.state"),
        (lambda given: given.job.create_time.SetInParent(), "job.create_time"),
        (lambda given: given.job.attempts.add(), "job.attempts"),
        (lambda given: given.job.error.SetInParent(), "job.error"),
        (lambda given: setattr(given.job, "name", "jobs/a"), "job.name"),
        (lambda given: setattr(given.job, "tenant", "a"), "job.tenant"),
        (lambda given: setattr(given, "job_id", "a b"), "job_id"),
        (lambda given: setattr(given, "request_id", "x" * 129), "request_id"),
    ],
)
def test_a_wrong_field_is_refused_by_its_path(fill: Any, field: str) -> None:
    """Before anything is kept."""
    given = request()
    fill(given)
    with pytest.raises(InvalidArgument) as caught:
        submission(given)
    assert caught.value.field == field


def test_what_was_taken_once_is_never_refused_later() -> None:
    """A deadline that has passed meanwhile, or a begin, is no fault: the job may be there."""
    given = request(job_id="a")
    given.job.not_before_time.seconds = int(NOW) + 100
    given.job.deadline_time.seconds = int(NOW) + 200
    assert submission(given) == submission(given, NOW + 10**9)


def test_without_an_id_the_request_id_decides() -> None:
    """The same one is the same job; no id at all makes a new one each time; an id goes before."""
    assert submission(request(request_id="r")).job_id == submission(request(request_id="r")).job_id
    assert submission(request(request_id="r")).job_id != submission(request(request_id="s")).job_id
    assert submission(request(request_id="r", job_id="a")).job_id == "a"
    assert submission(request()).job_id != submission(request()).job_id


FILLS: dict[str, Any] = {
    "value": lambda given: given.job.evaluation.inputs["x"].CopyFrom(encode(np.array(2.0))),
    "label": lambda given: given.job.labels.update({"a": "b"}),
    "priority": _set(job__priority=1),
    "deadline": _set(job__deadline_time__seconds=1_900_000_000),
    "not before": _set(job__not_before_time__seconds=1_800_000_100),
    "life": _set(job__time_to_live__seconds=5),
    "attempts": _set(job__max_attempts=6),
    "reuse": _set(job__allow_reuse=True),
    "timeout": _set(job__evaluation__timeout__seconds=3),
    "seed": _set(job__evaluation__seed=3),
}


@given(one=st.sets(st.sampled_from(sorted(FILLS))), other=st.sets(st.sampled_from(sorted(FILLS))))
def test_digests_are_the_same_for_the_same_content_only(one: set[str], other: set[str]) -> None:
    """Whatever differs in what was asked for makes another digest; when it is asked for makes none."""
    digests = []
    for names, now in ((one, NOW), (other, NOW + 50)):
        given = request(job_id="a")
        for name in sorted(names):
            FILLS[name](given)
        digests.append(submission(given, now).digest)
    assert (digests[0] == digests[1]) == (one == other)


def test_what_is_said_as_it_would_be_anyway_is_the_same_content() -> None:
    """A client may write defaults out when it tries again."""
    plain, written = request(job_id="a"), request(job_id="a")
    written.job.priority, written.job.max_attempts = pb.JOB_PRIORITY_NORMAL, 5
    assert submission(plain).digest == submission(written).digest


def test_results_are_reused_whatever_the_time_limit() -> None:
    """The digest for reuse is that of the evaluation alone, without its time limit."""
    reuses = set()
    for name in ("timeout", "label", "priority", "seed", "value"):
        given = request()
        given.job.allow_reuse = True
        FILLS[name](given)
        made = submission(given)
        assert Evaluation.FromString(made.evaluation) == given.job.evaluation
        reuses.add(made.reuse)
    assert len(reuses) == 3


class Keeper(MemoryShelves):
    """Shelves that keep note of what was handed over, and refuse from a moment on."""

    def __init__(self, refuse_after: int = 10**9) -> None:
        super().__init__()
        self.sizes_seen: list[int] = []
        self.under_way = self.most_under_way = 0
        self._left = refuse_after

    async def create(self, tenant: bytes, jobs: Sequence[Submission]) -> Any:
        """Creates jobs after a turn of the loop, so that calls may overlap."""
        self.sizes_seen.append(len(jobs))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        self._left -= 1
        if self._left < 0:
            raise Overloaded("the queue is full")
        return await super().create(tenant, jobs)


def batch(shelves: Keeper, data: bytes) -> pb.BatchCreateJobsResponse:
    """Creates a batch."""
    made = Batch(intake(), shelves, TENANT)  # type: ignore[arg-type]  # a stand-in
    return pb.BatchCreateJobsResponse.FromString(asyncio.run(made.create(data)))


def serialised(*requests: pb.CreateJobRequest) -> bytes:
    """Writes a batch."""
    return pb.BatchCreateJobsRequest(requests=requests).SerializeToString()


def test_each_of_a_batch_is_created_or_refused_on_its_own_and_in_order() -> None:
    """One outcome for each request: the job's name, state and time, or what is wrong."""
    wrong = request(job_id="b")
    wrong.job.evaluation.program = "y = z"
    requests = [request(n, job_id=f"j{n}") for n in range(1_200)]
    requests[7], requests[1_100] = wrong, request(99, job_id="j5")
    shelves = Keeper()
    outcomes = batch(shelves, serialised(*requests)).outcomes
    assert len(outcomes) == 1_200
    for number, outcome in enumerate(outcomes):
        if number == 7:
            assert outcome.error.code == 3
        elif number == 1_100:
            assert outcome.error.code == 6
        else:
            assert outcome.job.name == f"jobs/j{number}"
            assert outcome.job.state == pb.JOB_STATE_QUEUED
            assert outcome.job.create_time.ToMilliseconds() == shelves.jobs[f"j{number}"].created_ms
    assert sum(shelves.sizes_seen) == 1_199
    assert max(shelves.sizes_seen) <= creating.JOBS_AT_ONCE
    assert shelves.most_under_way <= creating.UNDER_WAY


def test_an_empty_batch_has_no_outcomes() -> None:
    """And nothing is handed over."""
    shelves = Keeper()
    assert batch(shelves, b"") == pb.BatchCreateJobsResponse()
    assert shelves.sizes_seen == []


def test_large_evaluations_are_handed_over_few_at_once() -> None:
    """By bytes, so that Redis is not kept for long."""
    shelves = Keeper()
    big = Evaluation(program="y = x.sum()", inputs={"x": encode(np.zeros(2**17))})
    batch(shelves, serialised(*(pb.CreateJobRequest(job=pb.Job(evaluation=big)) for _ in range(8))))
    assert max(shelves.sizes_seen) <= 1 + creating.BYTES_AT_ONCE // 2**20


def test_a_queue_that_is_full_fails_the_call() -> None:
    """Whatever was created before stays so."""
    shelves = Keeper(refuse_after=1)
    with pytest.raises(Overloaded):
        batch(shelves, serialised(*(request(n, job_id=f"j{n}") for n in range(2_000))))
    assert len(shelves.jobs) == creating.JOBS_AT_ONCE


def test_too_many_at_once_are_refused_before_any_is_created() -> None:
    """With the limit and what was found."""
    shelves = Keeper()
    data = serialised(pb.CreateJobRequest()) * 10_001
    with pytest.raises(LimitExceeded, match="10,001 jobs in one message, but the limit is 10,000"):
        batch(shelves, data)
    assert shelves.asked == []


@pytest.mark.parametrize("data", [b"\x0a\x05abc", b"\x0b", serialised(request()) + b"\x0a"])
def test_what_is_no_batch_is_refused(data: bytes) -> None:
    """The message says what the bytes are not."""
    with pytest.raises(InvalidArgument, match=r"not a pullback\.v1\.BatchCreateJobsRequest"):
        batch(Keeper(), data)


def test_a_garbled_request_does_not_take_its_neighbours_along() -> None:
    """It is refused on its own."""
    data = serialised(request(job_id="a")) + b"\x0a\x02\x0a\x05" + serialised(request(job_id="b"))
    outcomes = batch(Keeper(), data).outcomes
    assert [outcome.WhichOneof("outcome") for outcome in outcomes] == ["job", "error", "job"]
    assert "not a pullback.v1.CreateJobRequest" in outcomes[1].error.message


async def test_others_have_turns_while_a_batch_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between any two requests, once the event loop was kept for long enough."""
    monkeypatch.setattr(creating, "TURN_SECONDS", 0.0)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    made = Batch(intake(), Keeper(), TENANT)  # type: ignore[arg-type]  # a stand-in
    await made.create(serialised(*(request(n) for n in range(100))))
    other.cancel()
    assert turns >= 100


async def test_a_long_program_is_judged_once_and_its_fault_is_each_requests_own() -> None:
    """In a thread, for it may take long."""
    given = request()
    given.job.evaluation.program = "y = x\n" * 200 + "z = nothing"
    for _ in range(2):
        with pytest.raises(ProgramError):
            await intake().submission(given)
    assert issubclass(ProgramError, PullbackError)
