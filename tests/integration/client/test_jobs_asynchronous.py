from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest

from pullback.client import (
    AsyncClient,
    AsyncJobFuture,
    Cancelled,
    InvalidArgument,
    JobNotFound,
    LimitExceeded,
    Overloaded,
    ProgramError,
    PullbackError,
    QueueUnavailable,
    Unreachable,
    evaluation,
    job,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.job_stand_in.service import JobServer

    from pullback.v1 import job_pb2 as pb


@pytest.fixture
async def client(server: JobServer) -> AsyncIterator[AsyncClient]:
    """A client of the stand-in."""
    async with AsyncClient(server.address) as client:
        yield client


async def test_a_job_is_submitted_and_awaited(client: AsyncClient, server: JobServer) -> None:
    """A future gives its result as often as it is awaited, and its error likewise."""
    server.service.finishing = True
    future = await client.jobs.submit("echo", {"a": 1.0, "b": 2.0}, outputs=["b", "a"])
    assert list((await future).values) == ["b", "a"]
    assert (await future.result()).value == 1.0
    assert await future.exception() is None
    assert await future.done()
    failed = await client.jobs.submit("fail")
    for _ in range(2):
        with pytest.raises(ProgramError, match="line 1, column 1"):
            await failed
    assert isinstance(await failed.exception(), ProgramError)


async def test_a_wait_that_is_given_up_does_no_harm(client: AsyncClient, server: JobServer) -> None:
    """The job goes on, and can be waited for again."""
    future = await client.jobs.submit("echo", {"a": 1.0})
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await future
    assert not await future.done()
    server.service.store.finish(future.name)
    assert (await future).value == 1.0


async def test_calls_are_tried_again_where_that_can_help(client: AsyncClient, server: JobServer) -> None:
    """Each call, and each changes what it is to change once."""
    service = server.service

    def refused() -> AsyncClient:
        service.refusals.append(QueueUnavailable("later", retry_seconds=0.01))
        return client

    service.lost_answers = 1
    name = (await client.jobs.submit("echo")).name
    assert (await refused().jobs.get(name)).state == "queued"
    assert [each.name async for each in refused().jobs.list()] == [name]
    assert await refused().jobs.cancel_many(names=[name]) == 1
    assert (await refused().jobs.cancel(name)).state == "cancelled"
    again = await refused().jobs.retry(name)
    assert again.name != name
    service.lost_answers = 1
    await client.jobs.delete(name)
    with pytest.raises(JobNotFound):
        await client.jobs.delete(name)
    service.refusals.append(LimitExceeded("too much"))
    with pytest.raises(LimitExceeded):
        await client.jobs.submit("echo")
    expected = {
        "CreateJob": 4,
        "GetJob": 4,
        "ListJobs": 2,
        "BatchCancelJobs": 2,
        "CancelJob": 2,
        "DeleteJob": 3,
    }
    assert service.calls == expected


async def test_many_jobs_are_created_from_either_kind_of_iterator(
    client: AsyncClient, server: JobServer
) -> None:
    """What there is no room for is sent again, what is lost too, and nothing is created twice."""
    full = count()
    server.service.room = lambda _: Overloaded("full", retry_seconds=0.01) if next(full) < 50 else None
    server.service.lost_answers = 1

    async def asynchronous() -> AsyncIterator[pb.CreateJobRequest]:
        for number in range(500):
            await asyncio.sleep(0)
            yield job(evaluation("echo"), job_id=f"a{number}")

    found = [item async for item in client.jobs.submit_many(asynchronous(), batch=100)]
    assert {index: future.name for index, future in found if isinstance(future, AsyncJobFuture)} == {
        number: f"jobs/a{number}" for number in range(500)
    }
    blocking = (evaluation("echo") if number else job(evaluation(""), labels={"": ""}) for number in range(3))
    more = {index: outcome async for index, outcome in client.jobs.submit_many(blocking)}
    assert isinstance(more.pop(0), InvalidArgument)
    assert all(isinstance(outcome, AsyncJobFuture) for outcome in more.values())
    assert len(server.service.store.records) == 502


async def test_a_submission_can_be_left_at_any_time(client: AsyncClient) -> None:
    """What is under way is cancelled, and an endless iterator is read no further."""
    read = count()
    endless = (evaluation("echo") for _ in iter(lambda: next(read), None))
    async with aclosing(client.jobs.submit_many(endless, batch=10, in_flight=2)) as submission:
        async for index, _ in submission:
            if index >= 100:
                break
    assert next(read) <= 150


async def test_a_service_that_refuses_whole_messages_ends_the_submission(
    client: AsyncClient, server: JobServer
) -> None:
    """An error that trying again cannot mend is raised."""
    server.service.refusals.append(InvalidArgument("no tenant"))
    with pytest.raises(InvalidArgument, match="no tenant"):
        _ = [item async for item in client.jobs.submit_many([evaluation("echo")])]


async def test_futures_are_given_as_their_jobs_are_done(client: AsyncClient, server: JobServer) -> None:
    """In the order of their ends, through breaks, cancelled and deleted ones among them."""
    futures = [await client.jobs.submit("echo", {"a": float(number)}) for number in range(4)]
    store = server.service.store
    server.service.breaks.extend([2, 1])
    async with aclosing(client.jobs.as_completed(futures)) as waiting:
        store.finish(futures[3].name)
        given = [await anext(waiting)]
        assert await futures[1].cancel()
        given.append(await anext(waiting))
        await client.jobs.delete(futures[0])
        given.append(await anext(waiting))
        server.stop()
        store.finish(futures[2].name)
        server.start()
        given.extend([future async for future in waiting])
    assert [futures.index(future) for future in given] == [3, 1, 0, 2]
    errors = [await future.exception() for future in given]
    assert [type(error) for error in errors] == [type(None), Cancelled, JobNotFound, type(None)]
    assert await client.jobs.future("never").done()


async def test_many_wait_at_once(client: AsyncClient, server: JobServer) -> None:
    """Futures are awaited side by side, each by a task of its own."""
    futures = [await client.jobs.submit("echo", {"a": float(number)}) for number in range(5)]
    async with asyncio.TaskGroup() as group:
        waiting = [group.create_task(future.result()) for future in futures]
        server.service.store.finish_all()
    assert [task.result().value for task in waiting] == [0.0, 1.0, 2.0, 3.0, 4.0]


async def test_a_watch_goes_on_where_it_broke(client: AsyncClient, server: JobServer) -> None:
    """No end is given twice and none is left out, over breaks and a service that is replaced."""
    for number in range(3):
        await client.jobs.submit("echo", job_id=f"n{number}")
    server.service.breaks.extend([3, 3, 3])
    ends: list[str] = []
    async with aclosing(client.jobs.watch(states=["succeeded"])) as watch:
        async for news in watch:
            if news.caught_up:
                break
        for number in range(3):
            if number == 2:
                server.stop()
            server.service.store.finish(f"jobs/n{number}")
            if number == 2:
                server.start()
            async for news in watch:
                ends += [each.id for each in news.jobs]
                if news.jobs:
                    break
    assert ends == ["n0", "n1", "n2"]


async def test_a_service_that_stays_away_is_an_error(server: JobServer) -> None:
    """Of a watch, of a future and of a submission."""
    async with AsyncClient(server.address, retry_for=0.0) as client:
        future = await client.jobs.submit("echo", deadline=timedelta(hours=1))
        server.stop()
        with pytest.raises(Unreachable, match=server.address):
            await future
        with pytest.raises(Unreachable, match=server.address):
            await anext(client.jobs.watch())
        with pytest.raises(Unreachable, match=server.address):
            await anext(client.jobs.submit_many([evaluation("echo")]))


async def test_every_argument_that_cannot_be_sent_is_refused_here(client: AsyncClient) -> None:
    """Before any call, and with the field."""
    with pytest.raises(PullbackError) as caught:
        await client.jobs.submit("echo", priority="urgent")  # type: ignore[arg-type]
    assert caught.value.field == "priority"
