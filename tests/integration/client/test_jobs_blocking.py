from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from pullback.client import (
    Cancelled,
    Client,
    InvalidArgument,
    JobFuture,
    JobIdReused,
    JobNotFound,
    Jobs,
    LimitExceeded,
    Overloaded,
    ProgramError,
    QueueUnavailable,
    Stopping,
    Unreachable,
    evaluation,
)
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.job_stand_in.service import JobServer

# Seconds after which a test that waits has failed.
PATIENCE = 30.0


@pytest.fixture
def client(server: JobServer) -> Iterator[Client]:
    """A client of it."""
    with Client(server.address) as client:
        yield client


def test_a_job_is_submitted_and_fetched_later(client: Client, server: JobServer) -> None:
    """The future is there at once, and its result once the job is done, in the order of the names asked for."""
    future = client.jobs.submit("echo", {"a": 1.0, "b": 2.0}, outputs=["b", "a"], labels={"run": "7"})
    assert future.job is not None
    assert (future.job.state, future.job.labels, future.job.priority) == ("queued", {"run": "7"}, "normal")
    assert not future.done()
    server.service.store.finish(future.name)
    assert future.done()
    assert list(future.result().values) == ["b", "a"]
    assert future.result().value == 1.0
    assert future.exception() is None


def test_a_future_waits_for_its_job(client: Client, server: JobServer) -> None:
    """A result that is asked for before the job is done comes when it is."""
    future = client.jobs.submit(evaluation("echo", a=3.0), job_id="mine")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(future.result)
        _await_call(server, "WatchJobs")
        server.service.store.finish("jobs/mine")
        assert waiting.result(PATIENCE).value == 3.0


def test_a_failed_job_raises_its_error_from_its_future(client: Client, server: JobServer) -> None:
    """With class, field and message, as often as it is asked."""
    future = client.jobs.submit("fail")
    server.service.store.finish(future.name)
    for _ in range(2):
        with pytest.raises(ProgramError, match="line 1, column 1"):
            future.result()
    assert isinstance(future.exception(), ProgramError)


def test_what_is_not_done_in_time_stays_as_it_is(client: Client) -> None:
    """The time of a wait is the caller's, not the job's."""
    future = client.jobs.submit("echo", {"a": 1.0})
    with pytest.raises(TimeoutError, match=future.name):
        future.result(timeout=0.05)
    assert client.jobs.get(future).state == "queued"


def test_a_job_that_is_gone_is_an_error_of_its_future(client: Client, server: JobServer) -> None:
    """Whether it was deleted while the future waited, or long before."""
    future = client.jobs.submit("echo", {"a": 1.0})
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(future.exception)
        _await_call(server, "WatchJobs")
        client.jobs.delete(future)
        assert isinstance(waiting.result(PATIENCE), JobNotFound)
    with pytest.raises(JobNotFound, match="jobs/never"):
        client.jobs.future("never").result()
    assert client.jobs.future("never").done()


def test_a_job_goes_by_its_name_its_id_its_future_or_itself(client: Client) -> None:
    """All four mean the same job."""
    future = client.jobs.submit("echo", job_id="mine")
    found = [client.jobs.get(way) for way in ("mine", "jobs/mine", future, client.jobs.get("mine"))]
    assert {(each.name, each.id) for each in found} == {("jobs/mine", "mine")}


def test_views_give_as_much_as_they_say(client: Client, server: JobServer) -> None:
    """The evaluation comes in the view full alone, the result not in basic."""
    name = client.jobs.submit("echo", {"a": 1.0}).name
    server.service.store.finish(name)
    basic, result, full = (client.jobs.get(name, view=view) for view in ("basic", "result", "full"))
    assert (basic.evaluated, basic.evaluation, basic.done, basic.known) == (None, None, True, False)
    assert result.evaluated is not None
    assert result.evaluated.value == 1.0
    assert result.evaluation is None
    assert full.evaluation is not None
    assert full.evaluation.program == "echo"


def test_a_job_tells_of_its_life(client: Client, server: JobServer) -> None:
    """Times, attempts and options are read as Python values."""
    deadline = datetime.now(UTC) + timedelta(hours=1)
    future = client.jobs.submit(
        "echo",
        {"a": 1.0},
        priority="bulk",
        deadline=deadline,
        time_to_live=60.0,
        max_attempts=3,
        allow_reuse=True,
    )
    store = server.service.store
    store.take(future.name, "w1")
    store.lose(future.name)
    store.finish(future.name)
    got = client.jobs.get(future)
    assert (got.priority, got.deadline_time, got.time_to_live) == ("bulk", deadline, timedelta(minutes=1))
    assert (got.max_attempts, got.allow_reuse, got.reuse, got.tenant) == (3, True, "", "public")
    assert [(each.number, each.worker, each.end) for each in got.attempts] == [
        (1, "w1", "worker_lost"),
        (2, "stand-in", "finished"),
    ]
    times = [got.create_time, got.queue_time, got.start_time, got.finish_time, got.expire_time]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    assert got.not_before_time is None


def test_a_creation_whose_answer_is_lost_is_made_again_and_creates_nothing_twice(
    client: Client, server: JobServer
) -> None:
    """The same request id is sent with each try."""
    server.service.lost_answers = 1
    future = client.jobs.submit("echo", {"a": 1.0})
    assert server.service.calls["CreateJob"] == 2
    assert [each.name for each in client.jobs.list()] == [future.name]


@pytest.mark.parametrize("fault", [Overloaded, QueueUnavailable, Stopping])
def test_calls_are_tried_again_where_that_can_help(
    client: Client, server: JobServer, fault: type[Overloaded]
) -> None:
    """Each of the statuses that pass by leads to another try, of every call."""

    def refused() -> Jobs:
        server.service.refusals.append(fault("later", retry_seconds=0.01))
        return client.jobs

    name = refused().submit("echo").name
    refused().get(name)
    list(refused().list())
    refused().cancel(name)
    refused().cancel_many(names=[name])
    refused().delete(name)
    assert set(server.service.calls.values()) == {2}


def test_calls_are_not_tried_again_where_that_cannot_help(client: Client, server: JobServer) -> None:
    """An error without a delay is raised after one try."""
    server.service.refusals.append(LimitExceeded("too much"))
    with pytest.raises(LimitExceeded):
        client.jobs.submit("echo")
    with pytest.raises(JobNotFound):
        client.jobs.get("never")
    with pytest.raises(InvalidArgument, match="output only"):
        client.jobs.submit(pb.CreateJobRequest(job=pb.Job(evaluation=evaluation("echo"), name="jobs/x")))
    assert server.service.calls == {"CreateJob": 2, "GetJob": 1}


def test_an_id_of_another_job_is_refused(client: Client) -> None:
    """The same id with the same content is the same job; with other content it is an error."""
    first = client.jobs.submit("echo", {"a": 1.0}, job_id="mine")
    assert client.jobs.submit("echo", {"a": 1.0}, job_id="mine").name == first.name
    with pytest.raises(JobIdReused):
        client.jobs.submit("echo", {"a": 2.0}, job_id="mine")


def test_a_deletion_whose_answer_is_lost_is_a_deletion(client: Client, server: JobServer) -> None:
    """That the job is gone is an error at the first try alone."""
    name = client.jobs.submit("echo").name
    server.service.lost_answers = 1
    client.jobs.delete(name)
    with pytest.raises(JobNotFound):
        client.jobs.delete(name)


def test_jobs_are_listed_over_pages(client: Client, server: JobServer) -> None:
    """Newest first, each once, as many calls as there are pages, and only those that are meant."""
    futures = [client.jobs.submit("echo", labels={"run": str(number % 2)}) for number in range(7)]
    server.service.store.finish(futures[1].name)
    listed = [each.name for each in client.jobs.list(page_size=3)]
    assert listed == [future.name for future in reversed(futures)]
    assert server.service.calls["ListJobs"] == 3
    odd = {each.name for each in client.jobs.list(labels={"run": "1"}, states="queued")}
    assert odd == {futures[3].name, futures[5].name}
    newer = client.jobs.list(created_from=datetime.now(UTC) + timedelta(hours=1))
    assert list(newer) == []


def test_jobs_are_cancelled_one_and_many(client: Client, server: JobServer) -> None:
    """Those that are done stay as they are; a condition is needed to mean many."""
    futures = [client.jobs.submit("echo", labels={"run": "7"}) for _ in range(4)]
    server.service.store.finish(futures[0].name)
    assert not futures[0].cancel()
    assert futures[1].cancel()
    with pytest.raises(Cancelled):
        futures[1].result()
    assert client.jobs.cancel_many(labels={"run": "7"}) == 2
    assert client.jobs.cancel(futures[0]).state == "succeeded"
    with pytest.raises(InvalidArgument, match="every job"):
        client.jobs.cancel_many()


def test_a_job_that_is_done_runs_again_as_another(client: Client, server: JobServer) -> None:
    """With its evaluation, labels and options; asked twice, it runs again once."""
    first = client.jobs.submit("echo", {"a": 1.0}, labels={"run": "7"}, priority="bulk", max_attempts=2)
    with pytest.raises(InvalidArgument, match="once it is done"):
        client.jobs.retry(first)
    client.jobs.cancel(first)
    again = client.jobs.retry(first)
    assert again.name != first.name
    assert client.jobs.retry(first.id).name == again.name
    got = client.jobs.get(again, view="full")
    assert (got.state, got.labels, got.priority, got.max_attempts) == ("queued", {"run": "7"}, "bulk", 2)
    server.service.store.finish(again.name)
    assert again.result().value == 1.0
    assert client.jobs.retry(again, job_id="third").name == "jobs/third"


def test_futures_are_given_as_their_jobs_are_done(client: Client, server: JobServer) -> None:
    """In the order of their ends, failed and deleted ones among them, each once."""
    futures = [client.jobs.submit("fail" if number == 2 else "echo", {"a": 1.0}) for number in range(4)]
    store = server.service.store
    given: list[JobFuture] = []
    waiting = client.jobs.as_completed(futures)
    store.finish(futures[3].name)
    given.append(next(waiting))
    store.finish(futures[2].name)
    given.append(next(waiting))
    client.jobs.delete(futures[0])
    given.append(next(waiting))
    store.finish(futures[1].name)
    given.extend(waiting)
    assert [futures.index(future) for future in given] == [3, 2, 0, 1]
    assert [type(future.exception()).__name__ for future in given[1:3]] == ["ProgramError", "JobNotFound"]
    assert list(client.jobs.as_completed(given)) == given


def test_waiting_goes_on_after_a_break_and_misses_nothing(client: Client, server: JobServer) -> None:
    """Jobs that were done, or deleted, while the connection was gone are found when it is back."""
    futures = [client.jobs.submit("echo", {"a": 1.0}) for _ in range(3)]
    store = server.service.store
    waiting = client.jobs.as_completed(futures)
    store.finish(futures[0].name)
    assert next(waiting) is futures[0]
    server.stop()
    store.finish(futures[1].name)
    store.delete(futures[2].name)
    store.trim()
    server.start()
    assert set(waiting) == set(futures[1:])
    assert isinstance(futures[2].exception(), JobNotFound)


def test_a_service_that_stays_away_ends_the_wait(server: JobServer) -> None:
    """After the time for retries the address is named."""
    with Client(server.address, retry_for=0.0) as client:
        future = client.jobs.submit("echo")
        server.stop()
        with pytest.raises(Unreachable, match=server.address):
            future.result()
        with pytest.raises(Unreachable, match=server.address):
            client.jobs.get(future)


def _await_call(server: JobServer, rpc: str) -> None:
    with server.service.called:
        assert server.service.called.wait_for(lambda: server.service.calls[rpc], PATIENCE)
