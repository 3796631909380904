from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pullback.client import (
    Client,
    InvalidArgument,
    Job,
    JobFuture,
    LimitExceeded,
    Overloaded,
    PullbackError,
    QueueUnavailable,
    Unreachable,
    evaluation,
    job,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.job_stand_in.service import JobServer

    from pullback.client import News
    from pullback.v1 import job_pb2 as pb


@pytest.fixture
def client(server: JobServer) -> Iterator[Client]:
    """A client of the stand-in."""
    with Client(server.address) as client:
        yield client


def _jobs(count: int) -> Iterator[pb.CreateJobRequest]:
    return (job(evaluation("echo", a=float(number)), job_id=f"n{number}") for number in range(count))


def _names(found: list[tuple[int, JobFuture | PullbackError]]) -> dict[int, str]:
    return {index: future.name for index, future in found if isinstance(future, JobFuture)}


def test_many_jobs_are_created_in_messages(client: Client, server: JobServer) -> None:
    """Each index comes once, with its own job, and no message is longer than asked for."""
    found = list(client.jobs.submit_many(_jobs(2500), batch=1000))
    assert _names(found) == {number: f"jobs/n{number}" for number in range(2500)}
    # Several are under way at a time, so that they may arrive in another order than they were sent in.
    assert sorted(server.service.batches) == [500, 1000, 1000]


def test_no_more_is_read_than_what_is_under_way(client: Client) -> None:
    """An endless iterator is read as it is needed, and the generator can be left at any time."""
    read = 0

    def endless() -> Iterator[pb.CreateJobRequest]:
        nonlocal read
        while True:
            read += 1
            yield job(evaluation("echo"))

    source = client.jobs.submit_many(endless(), batch=10, in_flight=3)
    assert len(list(islice(source, 1000))) == 1000
    source.close()
    assert read <= 1000 + 3 * 10


def test_one_that_is_refused_does_not_disturb_the_rest(client: Client) -> None:
    """Its error comes at its index."""
    jobs = [job(evaluation("echo"), labels={"Bad Key": "x"} if number == 1 else None) for number in range(3)]
    found = dict(client.jobs.submit_many(jobs))
    assert isinstance(found[1], InvalidArgument)
    assert isinstance(found[0], JobFuture)
    assert isinstance(found[2], JobFuture)


def test_what_there_is_no_room_for_is_sent_again_before_anything_new(
    client: Client, server: JobServer
) -> None:
    """Each job that was refused for want of room is created in the end, and once."""
    refused: set[str] = set()

    def room(request: pb.CreateJobRequest) -> PullbackError | None:
        number = int(request.job_id[1:])
        if number % 3 or request.job_id in refused:
            return None
        refused.add(request.job_id)
        return Overloaded("full", retry_seconds=0.01)

    server.service.room = room
    found = list(client.jobs.submit_many(_jobs(300), batch=50, in_flight=2))
    assert len(refused) == 100
    assert _names(found) == {number: f"jobs/n{number}" for number in range(300)}
    assert len(found) == 300


def test_room_that_does_not_come_back_is_an_error_of_each_job(client: Client, server: JobServer) -> None:
    """After the time for retries, what was refused is given with its error, and the rest with its futures."""
    server.service.room = lambda request: (
        Overloaded("full", retry_seconds=0.01) if request.job_id == "n3" else None
    )
    found = dict(client.jobs.submit_many(_jobs(5), retry_for=0.02))
    assert isinstance(found.pop(3), Overloaded)
    assert all(isinstance(future, JobFuture) for future in found.values())


def test_a_message_that_is_lost_is_sent_again_and_creates_nothing_twice(
    client: Client, server: JobServer
) -> None:
    """Jobs without a name of their own get one for it."""
    server.service.lost_answers = 2
    server.service.refusals.extend([QueueUnavailable("down", retry_seconds=0.01)])
    found = list(client.jobs.submit_many((evaluation("echo", a=float(n)) for n in range(100)), batch=20))
    assert sorted(index for index, _ in found) == list(range(100))
    assert len(server.service.store.records) == 100
    assert server.service.calls["BatchCreateJobs"] == 5 + 3


def test_a_script_that_is_started_again_creates_nothing_twice(client: Client, server: JobServer) -> None:
    """The same jobs under the same run id are the same jobs."""
    jobs = [evaluation("echo", a=float(number)) for number in range(10)]
    first = _names(list(client.jobs.submit_many(jobs, run_id="nightly")))
    assert _names(list(client.jobs.submit_many(jobs, run_id="nightly", batch=3))) == first
    assert _names(list(client.jobs.submit_many(jobs))) != first
    assert len(server.service.store.records) == 20


def test_a_service_that_refuses_whole_messages_ends_the_submission(client: Client, server: JobServer) -> None:
    """An error that trying again cannot mend is raised, and nothing more is sent."""
    server.service.refusals.append(InvalidArgument("no tenant", field="x-tenant"))
    with pytest.raises(InvalidArgument, match="no tenant"):
        list(client.jobs.submit_many(_jobs(10), batch=10, in_flight=1))
    assert server.service.calls["BatchCreateJobs"] == 1


def test_a_job_that_no_message_can_hold_is_an_error_of_its_own(client: Client) -> None:
    """It travels alone, and what comes before and after it is created."""
    big = evaluation("echo", a=np.zeros(81 * 2**20, np.uint8))
    found = dict(client.jobs.submit_many([evaluation("echo"), big, evaluation("echo")]))
    assert isinstance(found[1], LimitExceeded)
    assert isinstance(found[0], JobFuture)
    assert isinstance(found[2], JobFuture)


def test_what_is_no_job_is_an_error_that_says_where(client: Client) -> None:
    """The place and the type are named."""
    with pytest.raises(TypeError, match=r"jobs\[1\] is a str"):
        list(client.jobs.submit_many([evaluation("echo"), "echo"]))  # type: ignore[list-item]


def test_a_watch_gives_the_present_state_and_then_each_change(client: Client, server: JobServer) -> None:
    """Oldest first, in messages of many, and the news say when the present state is complete."""
    assert len(list(client.jobs.submit_many(_jobs(1200), in_flight=1))) == 1200
    watch = client.jobs.watch()
    news = _until_caught_up(watch)
    assert [each.id for item in news for each in item.jobs] == [f"n{number}" for number in range(1200)]
    assert len(news) <= 4
    server.service.store.finish("jobs/n5")
    client.jobs.delete("n7")
    seen: dict[str, str] = {}
    while "jobs/n7" not in seen:
        item = next(watch)
        seen |= {each.name: each.state for each in item.jobs} | dict.fromkeys(item.deleted, "deleted")
    assert seen == {"jobs/n5": "succeeded", "jobs/n7": "deleted"}
    watch.close()


def test_a_watch_of_states_gives_jobs_as_they_come_to_them(client: Client, server: JobServer) -> None:
    """Of a job that succeeds, only that is given, with its result in the view that has it."""
    futures = [client.jobs.submit("echo", {"a": 5.0}, labels={"run": str(number)}) for number in range(2)]
    watch = client.jobs.watch(states="succeeded", labels={"run": "1"}, view="result")
    assert [news.jobs for news in _until_caught_up(watch)] == [(), ()]
    server.service.store.finish_all()
    (got,) = _first_jobs(watch)
    assert got.name == futures[1].name
    assert got.evaluated is not None
    assert got.evaluated.value == 5.0


@pytest.mark.parametrize("breaks", [[1, 1, 2, 1], [2, 3]])
def test_a_watch_that_breaks_goes_on_where_it_broke(
    client: Client, server: JobServer, breaks: list[int]
) -> None:
    """No state of a job is given twice and no end of one is left out, wherever the connection breaks."""
    assert len(list(client.jobs.submit_many(_jobs(1600)))) == 1600
    store = server.service.store
    server.service.breaks.extend(breaks)
    ends: list[str] = []
    for number, item in enumerate(client.jobs.watch(view="basic")):
        ends += [each.id for each in item.jobs if each.done]
        for step in range(400):
            if (name := f"jobs/n{400 * number + step}") in store.records:
                store.finish(name)
        if len(ends) == 1600:
            break
    assert sorted(ends) == sorted(f"n{number}" for number in range(1600))


def test_a_cursor_lets_another_process_go_on(client: Client, server: JobServer) -> None:
    """What comes after the news that were dealt with, and nothing before them."""
    client.jobs.submit("echo", job_id="a")
    client.jobs.submit("echo", job_id="b")
    *_, first = _until_caught_up(client.jobs.watch())
    server.service.store.finish("jobs/b")
    with Client(server.address) as other:
        news = _first_jobs(other.jobs.watch(cursor=first.cursor))
    assert [(each.id, each.state) for each in news] == [("b", "succeeded")]


def test_a_cursor_that_is_too_old_brings_the_present_state_again(client: Client, server: JobServer) -> None:
    """Of every job there is, and the news say when it is complete."""
    client.jobs.submit("echo", job_id="a")
    *_, first = _until_caught_up(client.jobs.watch())
    client.jobs.submit("echo", job_id="b")
    server.service.store.trim()
    news = _until_caught_up(client.jobs.watch(cursor=first.cursor))
    assert [each.id for item in news for each in item.jobs] == ["a", "b"]


def test_a_cursor_of_another_watch_is_refused(client: Client) -> None:
    """With the field, in one try."""
    *_, first = _until_caught_up(client.jobs.watch())
    with pytest.raises(InvalidArgument) as caught:
        next(client.jobs.watch(cursor=first.cursor, states="failed"))
    assert caught.value.field == "cursor"


def test_a_watch_outlives_a_service_that_is_replaced(client: Client, server: JobServer) -> None:
    """What happened in between comes when the service is back."""
    client.jobs.submit("echo", job_id="a")
    watch = client.jobs.watch()
    _until_caught_up(watch)
    server.stop()
    server.service.store.finish("jobs/a")
    server.start()
    assert [each.state for each in _first_jobs(watch)] == ["succeeded"]


def test_a_watch_gives_up_where_the_service_stays_away(server: JobServer) -> None:
    """After its own time for retries, whatever the client's is."""
    with Client(server.address, retry_for=1000.0) as client:
        watch = client.jobs.watch(retry_for=0.0)
        _until_caught_up(watch)
        server.stop()
        with pytest.raises(Unreachable, match=server.address):
            next(watch)


def test_more_futures_than_a_filter_has_names_are_waited_for(client: Client, server: JobServer) -> None:
    """Ten thousand at a time, each given once."""
    server.service.finishing = True
    given = [
        future
        for _, future in client.jobs.submit_many((evaluation("echo") for _ in range(10_050)), batch=10_000)
        if isinstance(future, JobFuture)
    ]
    done = [future.name for future in client.jobs.as_completed(given)]
    assert sorted(done) == sorted(future.name for future in given)
    assert len(done) == 10_050
    assert server.service.calls["WatchJobs"] == 2


def _until_caught_up(watch: Iterator[News]) -> list[News]:
    found = []
    for news in watch:
        found.append(news)
        if news.caught_up:
            break
    assert [news.caught_up for news in found] == [False] * (len(found) - 1) + [True]
    return found


def _first_jobs(watch: Iterator[News]) -> tuple[Job, ...]:
    return next(news.jobs for news in watch if news.jobs)
