from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from google.rpc import status_pb2
from tests.unit.gateway.jobs.shelf import MemoryShelves

from pullback.contract.errors import (
    InvalidArgument,
    JobIdReused,
    JobNotFound,
    LimitExceeded,
    Overloaded,
    PullbackError,
    Stopping,
)
from pullback.contract.lifecycle import State
from pullback.contract.limits import DEFAULT_LIMITS, MAX_MESSAGE_BYTES
from pullback.contract.status import from_status
from pullback.contract.tensors import encode
from pullback.gateway.checking import Checker
from pullback.gateway.handlers import Garbled
from pullback.gateway.jobs import listing, reading
from pullback.gateway.jobs.creating import Intake
from pullback.gateway.jobs.feeds import Feeds
from pullback.gateway.jobs.servicer import JobServicer
from pullback.gateway.settings import GatewaySettings
from pullback.gateway.tenants import Tenants
from pullback.v1 import job_pb2 as pb
from pullback.v1.evaluation_pb2 import Evaluation

if TYPE_CHECKING:
    import grpc
    from google.protobuf.message import Message


class Context:
    """A call that notes how it is ended."""

    def __init__(self, *metadata: tuple[str, str]) -> None:
        self._metadata = metadata

    def invocation_metadata(self) -> Any:
        """Gives what came with the call."""
        return self._metadata

    async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> None:
        """Ends the call."""
        del code, details
        status = status_pb2.Status.FromString(dict(trailing_metadata)["grpc-status-details-bin"])
        raise from_status(status) or AssertionError(status)


class Room:
    """Redis has room, or has none."""

    full = False


class Office:
    """A servicer over shelves in memory.

    Attributes:
        shelves: what it creates jobs on.
        room: whether there is any.
    """

    def __init__(self, header: str = "") -> None:
        self.shelves = MemoryShelves()
        self.room = Room()
        shelves: Any = self.shelves
        intake = Intake(Checker(DEFAULT_LIMITS), GatewaySettings())
        feeds = Feeds(shelves, most_watchers=5)
        self.servicer = JobServicer(shelves, feeds, intake, Tenants(header), self.room)

    async def call(self, name: str, request: Any, *metadata: tuple[str, str]) -> Any:
        """Calls an RPC and reads its response.

        Raises:
            PullbackError: it failed.
        """
        response = await getattr(self.servicer, name)(request, Context(*metadata))
        kind: type[Message] = getattr(pb, f"{name}Response")
        return kind.FromString(response) if isinstance(response, bytes) else response


@pytest.fixture
def office() -> Office:
    """An office without jobs."""
    return Office()


def request(value: float = 1.0, **fields: Any) -> pb.CreateJobRequest:
    """A job to create."""
    evaluation = Evaluation(program="y = x", inputs={"x": encode(np.array(value))})
    return pb.CreateJobRequest(job=pb.Job(evaluation=evaluation), **fields)


async def test_a_job_is_created_once_under_its_id(office: Office) -> None:
    """Again with the same content it is answered as it is; with other content it is refused."""
    first = (await office.call("CreateJob", request(job_id="a"))).job
    assert (first.name, first.state, first.HasField("evaluation")) == ("jobs/a", pb.JOB_STATE_QUEUED, False)
    office.shelves.take("a")
    assert (await office.call("CreateJob", request(job_id="a"))).job.state == pb.JOB_STATE_RUNNING
    with pytest.raises(JobIdReused):
        await office.call("CreateJob", request(2.0, job_id="a"))


async def test_a_job_is_given_as_its_view_says(office: Office) -> None:
    """Without a view the result is given, and the evaluation is not."""
    await office.call("CreateJob", request(job_id="a"))
    office.shelves.end("a")
    for view, result, evaluation in (
        (pb.JOB_VIEW_UNSPECIFIED, True, False),
        (pb.JOB_VIEW_BASIC, False, False),
        (pb.JOB_VIEW_RESULT, True, False),
        (pb.JOB_VIEW_FULL, True, True),
    ):
        job = (await office.call("GetJob", pb.GetJobRequest(name="jobs/a", view=view))).job
        assert (job.HasField("result"), job.HasField("evaluation")) == (result, evaluation)
        assert job.state == pb.JOB_STATE_SUCCEEDED


async def test_an_error_is_given_in_every_view(office: Office) -> None:
    """It is what there is to know of a job that failed."""
    await office.call("CreateJob", request(job_id="a"))
    office.shelves.end("a", state=State.FAILED)
    job = (await office.call("GetJob", pb.GetJobRequest(name="jobs/a", view=pb.JOB_VIEW_BASIC))).job
    assert job.error.code == 1


async def test_a_job_that_no_message_holds_is_refused_with_what_to_do(office: Office) -> None:
    """Its parts can be asked for."""
    office.shelves.submit("a")
    office.shelves.result_bytes = MAX_MESSAGE_BYTES - 10
    office.shelves.end("a")
    with pytest.raises(LimitExceeded, match="ask for less of it") as caught:
        await office.call("GetJob", pb.GetJobRequest(name="jobs/a", view=pb.JOB_VIEW_FULL))
    assert caught.value.field == "view"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("GetJob", pb.GetJobRequest), ("CancelJob", pb.CancelJobRequest), ("DeleteJob", pb.DeleteJobRequest)],
)
async def test_a_job_that_is_not_there_is_not_found(office: Office, name: str, kind: Any) -> None:
    """And what is no name is refused as such."""
    with pytest.raises(JobNotFound, match="no jobs/a"):
        await office.call(name, kind(name="jobs/a"))
    for wrong in ("", "a"):
        with pytest.raises(InvalidArgument) as caught:
            await office.call(name, kind(name=wrong))
        assert caught.value.field == "name"
    with pytest.raises(InvalidArgument, match="not a x"):
        await office.call(name, Garbled("x"))


async def test_a_job_is_cancelled_where_it_is_not_finished(office: Office) -> None:
    """The answer has its state, whatever that is."""
    office.shelves.submit("a", "b")
    office.shelves.end("b")
    for name, state in (("a", pb.JOB_STATE_CANCELLED), ("b", pb.JOB_STATE_SUCCEEDED)):
        answer = await office.call("CancelJob", pb.CancelJobRequest(name=f"jobs/{name}"))
        assert (answer.job.name, answer.job.state) == (f"jobs/{name}", state)


async def test_a_deleted_job_is_gone_and_its_id_is_free(office: Office) -> None:
    """For another evaluation too."""
    await office.call("CreateJob", request(job_id="a"))
    await office.call("DeleteJob", pb.DeleteJobRequest(name="jobs/a"))
    with pytest.raises(JobNotFound):
        await office.call("GetJob", pb.GetJobRequest(name="jobs/a"))
    office.shelves._digests.clear()
    await office.call("CreateJob", request(2.0, job_id="a"))


async def test_what_a_filter_matches_is_cancelled_and_nothing_else(office: Office) -> None:
    """Only what was not finished counts."""
    names = [f"j{number}" for number in range(600)]
    office.shelves.submit(*names, labels="\nrun=1\n")
    office.shelves.submit("other", labels="\nrun=2\n")
    office.shelves.take(*names[:10])
    office.shelves.end(*names[:5])
    wanted = pb.JobFilter(labels={"run": "1"})
    answer = await office.call("BatchCancelJobs", pb.BatchCancelJobsRequest(filter=wanted))
    assert answer.cancelled_count == 595
    assert office.shelves.jobs["other"].state is State.QUEUED
    again = await office.call("BatchCancelJobs", pb.BatchCancelJobsRequest(filter=wanted))
    assert again.cancelled_count == 0
    office.shelves.submit("queued")
    running = pb.JobFilter(states=[pb.JOB_STATE_RUNNING, pb.JOB_STATE_SUCCEEDED])
    answer = await office.call("BatchCancelJobs", pb.BatchCancelJobsRequest(filter=running))
    assert answer.cancelled_count == 0


async def test_all_jobs_are_not_cancelled_by_leaving_the_filter_out(office: Office) -> None:
    """At least one condition is needed."""
    with pytest.raises(InvalidArgument) as caught:
        await office.call("BatchCancelJobs", pb.BatchCancelJobsRequest())
    assert caught.value.field == "filter"


async def pages(office: Office, **fields: Any) -> list[list[str]]:
    """Gives the names on each page, until the last."""
    found, token = [], ""
    while True:
        page = await office.call("ListJobs", pb.ListJobsRequest(page_token=token, **fields))
        found.append([job.name.removeprefix("jobs/") for job in page.jobs])
        token = page.next_page_token
        if not token:
            return found


async def test_pages_hold_every_job_once_newest_first(office: Office) -> None:
    """Whatever is created meanwhile, and whatever the size of a page."""
    names = [f"j{number}" for number in range(1_100)]
    office.shelves.submit(*names)
    for size, lengths in ((0, [100] * 11), (400, [400, 400, 300]), (5_000, [1_000, 100])):
        found = await pages(office, page_size=size)
        assert [len(page) for page in found] == lengths
        assert sum(found, []) == names[::-1]  # noqa: RUF017 - a few pages
    first = await office.call("ListJobs", pb.ListJobsRequest(page_size=500))
    office.shelves.submit("new")
    second = await office.call("ListJobs", pb.ListJobsRequest(page_token=first.next_page_token))
    assert second.jobs[0].name == "jobs/j599"


async def test_a_page_of_results_ends_before_it_is_too_long(office: Office) -> None:
    """Its token goes on behind the last job that it holds."""
    office.shelves.result_bytes = reading.BYTES_AT_ONCE // 3
    names = [f"j{number}" for number in range(8)]
    office.shelves.submit(*names)
    office.shelves.end(*names)
    found = await pages(office, view=pb.JOB_VIEW_RESULT)
    assert max(map(len, found)) < 4
    assert sum(found, []) == names[::-1]  # noqa: RUF017 - a few pages


async def test_a_token_belongs_to_its_filter_and_its_tenant() -> None:
    """With another one it is refused."""
    office = Office("x-tenant")
    office.shelves.submit("a", "b", "c")
    acme, other = ("x-tenant", "acme"), ("x-tenant", "other")
    token = (await office.call("ListJobs", pb.ListJobsRequest(page_size=1), acme)).next_page_token
    filtered = pb.ListJobsRequest(page_token=token, filter=pb.JobFilter(states=[pb.JOB_STATE_QUEUED]))
    for given, whose in ((filtered, acme), (pb.ListJobsRequest(page_token=token), other)):
        with pytest.raises(InvalidArgument, match="another filter"):
            await office.call("ListJobs", given, whose)


async def test_a_filter_that_few_jobs_match_may_give_an_empty_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not the last while it has a token; the work of one call is bounded."""
    looks = 0

    async def page(*_: Any, **__: Any) -> Any:
        nonlocal looks
        looks += 1
        return [], (looks, "a") if looks < listing.LOOKS + 5 else None

    monkeypatch.setattr(office.shelves, "page", page)
    assert await pages(office) == [[], []]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (pb.ListJobsRequest(page_size=-1), "page_size"),
        (pb.ListJobsRequest(page_token="x"), "page_token"),  # noqa: S106 - no password
        (pb.ListJobsRequest(view=9), "view"),  # type: ignore[arg-type]  # unknown
        (pb.ListJobsRequest(filter=pb.JobFilter(states=[9])), "filter.states"),  # type: ignore[list-item]  # unknown
        (pb.ListJobsRequest(filter=pb.JobFilter(states=[pb.JOB_STATE_UNSPECIFIED])), "filter.states"),
        (pb.ListJobsRequest(filter=pb.JobFilter(names=["a"])), "filter.names"),
        (pb.ListJobsRequest(filter=pb.JobFilter(labels={"A": ""})), "filter.labels"),
        (pb.ListJobsRequest(filter=pb.JobFilter(names=["jobs/a"] * 10_001)), "filter.names"),
    ],
)
async def test_a_wrong_field_of_a_list_is_refused_by_its_path(
    office: Office, given: pb.ListJobsRequest, field: str
) -> None:
    """Before Redis is asked."""
    with pytest.raises(PullbackError) as caught:
        await office.call("ListJobs", given)
    assert caught.value.field == field
    assert office.shelves.asked == []


async def test_a_watch_is_refused_before_it_begins_where_a_field_is_wrong(office: Office) -> None:
    """As a call of one response is."""
    for given, field in (
        (pb.WatchJobsRequest(cursor="x"), "cursor"),
        (pb.WatchJobsRequest(view=9), "view"),  # type: ignore[arg-type]  # unknown
        (Garbled("x"), ""),
    ):
        with pytest.raises(InvalidArgument) as caught:
            await anext(office.servicer.WatchJobs(given, Context()))  # type: ignore[arg-type]  # stand-ins
        assert caught.value.field == field


async def test_a_gateway_without_room_creates_nothing(office: Office) -> None:
    """It says when to try again; everything else is answered."""
    office.room.full = True
    for name, given in (("CreateJob", request()), ("BatchCreateJobs", b"")):
        with pytest.raises(Overloaded) as caught:
            await office.call(name, given)
        assert caught.value.retry_seconds
    await office.call("ListJobs", pb.ListJobsRequest())


async def test_a_gateway_that_stops_sends_callers_away(office: Office) -> None:
    """Another one answers."""
    office.servicer.stop()
    with pytest.raises(Stopping):
        await office.call("ListJobs", pb.ListJobsRequest())


async def test_a_call_without_its_tenant_is_refused() -> None:
    """Where tenants are told apart, nobody is nobody's."""
    office = Office("x-tenant")
    with pytest.raises(InvalidArgument, match="tells whose call it is"):
        await office.call("ListJobs", pb.ListJobsRequest())
    made = await office.call("CreateJob", request(), ("x-tenant", "acme"))
    assert made.job.tenant == "acme"
