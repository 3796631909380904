"""The stand-in that clients are tested with does what the service does: the same calls, the same answers."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
from tests.job_stand_in.service import JobServer

from pullback.client import Client, JobFuture, PullbackError, evaluation, job
from pullback.v1 import job_pb2 as pb
from pullback.v1.job_pb2_grpc import JobServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.system import System

# Makes ids and labels that no other test has.
_runs = count()

QUARTIC = evaluation("y = x**2", x=2.0)


@pytest.fixture(params=["stand-in", "service"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of the stand-in, or of a running service."""
    if request.param == "service":
        system: System = request.getfixturevalue("system")
        with Client(system.address, retry_for=0.0) as client:
            yield client
        return
    server = JobServer()
    with Client(server.address, retry_for=0.0) as client:
        yield client
    server.stop()


@pytest.fixture
def run() -> str:
    """A label's value that no other test has."""
    return f"run-{next(_runs)}"


def _later(run: str, **options: Any) -> pb.CreateJobRequest:
    """A job that no worker takes while the tests run."""
    return job(QUARTIC, labels={"run": run}, not_before=86_400.0, **options)


def _error(call: Any) -> tuple[str, str]:
    with pytest.raises(PullbackError) as caught:
        call()
    return type(caught.value).__name__, caught.value.field


def _wrong(**fields: Any) -> pb.CreateJobRequest:
    request = pb.CreateJobRequest(job=pb.Job(evaluation=QUARTIC))
    for name, value in fields.items():
        if name in {"job_id", "request_id"}:
            setattr(request, name, value)
        else:
            request.job.MergeFrom(pb.Job(**{name: value}))
    return request


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"job_id": "a/b"}, "job_id"),
        ({"job_id": "a" * 129}, "job_id"),
        ({"request_id": "ä"}, "request_id"),
        ({"name": "jobs/a"}, "job.name"),
        ({"state": pb.JOB_STATE_QUEUED}, "job.state"),
        ({"tenant": "me"}, "job.tenant"),
        ({"max_attempts": 21}, "job.max_attempts"),
        ({"max_attempts": -1}, "job.max_attempts"),
    ],
)
def test_what_is_wrong_is_refused_with_the_same_field(
    client: Client, fields: dict[str, Any], field: str
) -> None:
    """One by one, and in a batch."""
    request = _wrong(**fields)
    assert _error(lambda: client.jobs.submit(request)) == ("InvalidArgument", field)
    ((_, outcome),) = client.jobs.submit_many([request])
    assert isinstance(outcome, PullbackError)
    assert (type(outcome).__name__, outcome.field.removeprefix("requests[0].")) == ("InvalidArgument", field)


def test_too_many_labels_are_beyond_a_limit(client: Client) -> None:
    """Seventeen."""
    request = _wrong(labels={f"k{number}": "" for number in range(17)})
    assert _error(lambda: client.jobs.submit(request)) == ("LimitExceeded", "job.labels")


@pytest.mark.parametrize("labels", [{"Run": "a"}, {"": "a"}, {"run": "a b"}, {"run": "a" * 64}])
def test_what_is_no_label_is_refused(client: Client, labels: dict[str, str]) -> None:
    """A key of other characters, or none; a value of other characters, or too many."""
    kind, field = _error(lambda: client.jobs.submit(_wrong(labels=labels)))
    assert kind == "InvalidArgument"
    assert field.startswith("job.labels")


def test_the_same_job_is_the_same_and_another_is_refused(client: Client, run: str) -> None:
    """By job id, and by request id."""
    mine = _later(run, job_id=f"{run}.a")
    assert client.jobs.submit(mine).name == client.jobs.submit(mine).name == f"jobs/{run}.a"
    other = _later(run, job_id=f"{run}.a", priority="bulk")
    assert _error(lambda: client.jobs.submit(other))[0] == "JobIdReused"
    named = _later(run, request_id=f"{run}.b")
    assert client.jobs.submit(named).name == client.jobs.submit(named).name
    assert len(list(client.jobs.list(labels={"run": run}))) == 2


def test_what_is_not_there_is_not_found(client: Client) -> None:
    """By each call that names a job."""
    for call in (client.jobs.get, client.jobs.cancel, client.jobs.delete):
        assert _error(lambda call=call: call("never")) == ("JobNotFound", "name")


def test_a_job_is_given_with_what_it_was_created_with(client: Client, run: str) -> None:
    """Defaults are filled in, and each view has what it says."""
    future = client.jobs.submit(_later(run))
    first = future.job
    assert first is not None
    assert (first.state, first.priority, first.max_attempts, first.reuse) == ("queued", "normal", 5, "")
    assert (first.labels, first.tenant) == ({"run": run}, "public")
    assert None not in (first.create_time, first.queue_time, first.deadline_time, first.not_before_time)
    assert (first.start_time, first.finish_time, first.expire_time) == (None, None, None)
    assert first.time_to_live.total_seconds() > 0
    assert first.attempts == ()
    assert client.jobs.get(future).evaluation is None
    assert client.jobs.get(future, view="full").evaluation == QUARTIC


def test_pages_are_newest_first_and_their_tokens_go_with_their_filter(client: Client, run: str) -> None:
    """Each job once, however short the pages."""
    names = [client.jobs.submit(_later(run)).name for _ in range(5)]
    assert [each.name for each in client.jobs.list(labels={"run": run}, page_size=2)] == names[::-1]
    stub: Any = JobServiceStub(client._channel)  # type: ignore[no-untyped-call]
    wanted = pb.JobFilter(labels={"run": run})
    token = stub.ListJobs(pb.ListJobsRequest(filter=wanted, page_size=2)).next_page_token
    other = pb.JobFilter(labels={"run": "other"})
    for request in (
        pb.ListJobsRequest(filter=other, page_token=token),
        pb.ListJobsRequest(filter=wanted, page_token="made up"),  # noqa: S106 - no secret
        pb.ListJobsRequest(filter=wanted, page_size=-1),
    ):
        field = "page_size" if request.page_size else "page_token"
        assert _error(lambda request=request: client.jobs._caller.call(stub.ListJobs, request)) == (
            "InvalidArgument",
            field,
        )


def test_a_cancelled_job_stays_cancelled(client: Client, run: str) -> None:
    """With its error and its times; another cancellation changes nothing."""
    future = client.jobs.submit(_later(run))
    done = client.jobs.cancel(future)
    assert (done.state, type(done.error).__name__, done.attempts) == ("cancelled", "Cancelled", ())
    assert done.finish_time is not None
    assert done.expire_time == done.finish_time + done.time_to_live
    assert client.jobs.cancel(future).message == done.message
    assert client.jobs.cancel_many(labels={"run": run}) == 0


def test_many_are_cancelled_by_a_condition(client: Client, run: str) -> None:
    """And none without one."""
    found = list(client.jobs.submit_many([_later(run) for _ in range(5)]))
    names = [future.name for _, future in found if isinstance(future, JobFuture)]
    assert client.jobs.cancel_many(names=names[:2]) == 2
    assert client.jobs.cancel_many(labels={"run": run}, states="queued") == 3
    stub: Any = JobServiceStub(client._channel)  # type: ignore[no-untyped-call]
    empty = pb.BatchCancelJobsRequest()
    assert _error(lambda: client.jobs._caller.call(stub.BatchCancelJobs, empty)) == (
        "InvalidArgument",
        "filter",
    )


def test_a_watch_gives_the_present_state_and_each_change_once(client: Client, run: str) -> None:
    """Oldest first; then ends and deletions; and nothing twice to who comes back with the cursor."""
    names = [client.jobs.submit(_later(run)).name for _ in range(3)]
    watch = client.jobs.watch(labels={"run": run})
    given: list[str] = []
    for news in watch:
        given += [each.name for each in news.jobs]
        if news.caught_up:
            break
    assert given == names
    client.jobs.cancel(names[0])
    changed = next(news for news in watch if news.jobs)
    assert [(each.name, each.state) for each in changed.jobs] == [(names[0], "cancelled")]
    watch.close()
    client.jobs.delete(names[1])
    again = client.jobs.watch(labels={"run": run}, cursor=changed.cursor)
    news = next(news for news in again if news.jobs or news.deleted)
    assert ([each.name for each in news.jobs], news.deleted, news.caught_up) == ([], (names[1],), False)
    last = next(again)
    assert ([each.name for each in last.jobs], last.deleted, last.caught_up) == ([], (), True)
    again.close()
    assert _error(lambda: next(client.jobs.watch(labels={"run": "other"}, cursor=news.cursor))) == (
        "InvalidArgument",
        "cursor",
    )


def test_too_many_requests_are_refused_as_a_whole(client: Client) -> None:
    """Ten thousand and one, whatever they are."""
    stub: Any = JobServiceStub(client._channel)  # type: ignore[no-untyped-call]
    message = pb.BatchCreateJobsRequest(requests=[pb.CreateJobRequest()] * 10_001)
    assert _error(lambda: client.jobs._caller.call(stub.BatchCreateJobs, message))[0] == "LimitExceeded"
