from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from google.rpc import code_pb2
from tests.integration.broker.conftest import LANE, job, succeed

from pullback.broker import Accepted, FinishedJob, Known, Slot
from pullback.broker.tuning import INLINE_OUTCOME_BYTES, MOST_ATTEMPTS
from pullback.contract.lifecycle import State
from pullback.contract.names import SWEEPER_LOCK, drains_key, job_key
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker


async def test_an_outcome_reaches_the_gateway_that_asked(broker: Broker) -> None:
    """The reader delivers id and outcome once, and the lane is empty afterwards."""
    broker.slot()
    await broker.accept(job(job_id="a"))
    drain = broker.drain()
    async with broker.reading() as seen:
        drain.finish(succeed(drain.take(10, 1000), b"done"))
        assert await seen.get() == ("a", b"done")
        assert seen.empty()
    assert broker.sync.xlen(LANE) == 0
    assert broker.sync.xpending(LANE, "drains")["pending"] == 0


async def test_every_gateway_that_joined_is_told(broker: Broker) -> None:
    """Two gateways that wait for the same request both get its outcome."""
    broker.slot()
    await broker.accept(job(1.0, "same"), gateway="one")
    await broker.accept(job(1.0, "same"), gateway="two")
    drain = broker.drain()
    async with broker.reading("one") as one, broker.reading("two") as two:
        drain.finish(succeed(drain.take(10, 1000), b"both"))
        assert await one.get() == await two.get() == ("same", b"both")


async def test_a_long_outcome_is_fetched_from_the_record(broker: Broker) -> None:
    """What is too long for the channel arrives all the same."""
    broker.slot()
    await broker.accept(job(job_id="a"))
    drain = broker.drain()
    long = b"y" * (INLINE_OUTCOME_BYTES + 1)
    async with broker.reading() as seen:
        drain.finish(succeed(drain.take(1, 1000), long))
        assert await seen.get() == ("a", long)


async def test_many_outcomes_of_one_batch_all_arrive(broker: Broker) -> None:
    """More jobs than one script finishes are each delivered once, with their own outcomes."""
    broker.slot()
    await broker.accept(*(job(job_id=f"job-{number}") for number in range(700)))
    drain = broker.drain()
    taken = drain.take(1000, 1000)
    async with broker.reading() as seen:
        drain.finish([succeed([each], each.job_id.encode())[0] for each in taken])
        arrived = [await seen.get() for _ in range(700)]
    assert sorted(arrived) == sorted((f"job-{number}", f"job-{number}".encode()) for number in range(700))


async def test_what_was_told_while_nobody_listened_is_found(broker: Broker) -> None:
    """A reader that connects late looks at the records of the jobs that are waited for."""
    broker.slot()
    await broker.accept(job(job_id="a"))
    drain = broker.drain()
    drain.finish(succeed(drain.take(1, 1000), b"unheard"))
    async with broker.reading(waiting=["a"]) as seen:
        assert await seen.get() == ("a", b"unheard")


async def test_a_job_that_redis_lost_is_told_at_once(broker: Broker) -> None:
    """A reader that connects to a Redis without the record of a job says so before anything else."""
    broker.slot()
    await broker.accept(job(job_id="kept"))
    async with broker.reading(waiting=["gone", "kept"]) as seen:
        assert broker.lost == ["gone"]
        assert seen.empty()


async def test_a_broken_connection_is_made_again(broker: Broker) -> None:
    """After Redis cut every connection, results arrive again."""
    broker.slot()
    async with broker.reading() as seen:
        broker.reader.disconnected.clear()
        broker.sync.client_kill_filter(_type="pubsub")
        await broker.reader.disconnected.wait()
        await broker.reader.connected.wait()
        await broker.accept(job(job_id="a"))
        drain = broker.drain()
        taken = drain.take(1, 1000)
        drain.finish(succeed(taken, b"again"))
        assert await seen.get() == ("a", b"again")


async def test_a_terminal_state_is_never_overwritten(broker: Broker) -> None:
    """The second of two drains that finish the same job changes nothing and tells nobody."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    drain = broker.drain()
    taken = drain.take(1, 1000)
    assert drain.finish(succeed(taken, b"first")) == 1
    assert drain.finish(succeed(taken, b"second")) == 0
    assert await broker.accept(job(1.0, "a")) == [Known(b"first")]


async def test_a_dead_drains_jobs_go_to_another(broker: Broker) -> None:
    """What a dead drain held is put back with one more attempt, and a drain is woken."""
    broker.slot()
    await broker.accept(job(job_id="a"), job(job_id="b"))
    dead = broker.drain()
    dead.take(2, 1000)
    broker.kill(dead)
    broker.woken.clear()
    assert await broker.sweeper().sweep("cpu") == 2
    assert broker.woken == [LANE]
    drain = broker.drain()
    taken = drain.take(1, 1000) + drain.take(1, 1000)
    assert [(each.job_id, each.attempt) for each in taken] == [("a", 2), ("b", 2)]


async def test_a_living_drains_jobs_are_left_alone(broker: Broker) -> None:
    """However long a job takes, it is not taken from a drain that shows signs of life."""
    broker.slot()
    await broker.accept(job())
    broker.drain().take(1, 1000)
    assert await broker.sweeper().sweep("cpu") == 0


async def test_drains_that_could_not_beat_are_waited_for(broker: Broker) -> None:
    """After a time in which Redis was away, drains get two beats' time; a drain that is silent then is dead."""
    broker.slot()
    await broker.accept(job(1.0, "a"), job(2.0, "b"))
    alive, dead = broker.drain(), broker.drain()
    alive.take(1, 1000)
    dead.take(1, 1000)
    sweeper = broker.sweeper()
    # As a Redis finds them that was frozen, or comes back from its file.
    broker.sync.zadd(drains_key(LANE), {alive.name: 1, dead.name: 1})
    assert await sweeper.sweep("cpu") == 0
    broker.slot().beat(LANE, alive.name)
    broker.sync.zadd(drains_key(LANE), {dead.name: 1})
    assert await sweeper.sweep("cpu") == 1
    assert broker.sync.zscore(drains_key(LANE), alive.name)


async def test_a_late_finish_of_a_swept_job_counts_once(broker: Broker) -> None:
    """A drain thought dead that finishes after all answers the job; the second run changes nothing."""
    broker.slot()
    await broker.accept(job(job_id="a"))
    slow = broker.drain()
    first = slow.take(1, 1000)
    broker.kill(slow)
    await broker.sweeper().sweep("cpu")
    assert slow.finish(succeed(first, b"late")) == 1
    other = broker.drain()
    assert other.finish(succeed(other.take(1, 1000), b"again")) == 0
    assert broker.sync.xlen(LANE) == 0


async def test_a_job_that_loses_every_worker_fails(broker: Broker) -> None:
    """After the last attempt the caller is told INTERNAL, and the lane is free of the job."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    sweeper = broker.sweeper()
    async with broker.reading() as seen:
        for _ in range(MOST_ATTEMPTS):
            drain = broker.drain()
            drain.take(1, 1000)
            broker.kill(drain)
            await sweeper.sweep("cpu")
        _, told = await seen.get()
    assert gradient_pb2.EvaluateOutcome.FromString(told).error.code == code_pb2.INTERNAL
    assert await broker.accept(job(1.0, "a")) == [Known(told)]
    assert broker.sync.xlen(LANE) == 0


async def test_a_lost_wake_up_is_sent_again(broker: Broker) -> None:
    """A lane with work and no drain is woken by the sweeper."""
    broker.slot()
    await broker.accept(job())
    broker.sync.delete(f"{LANE}:drains")
    broker.woken.clear()
    await broker.sweeper().sweep("cpu")
    assert broker.woken == [LANE]


async def test_one_gateway_sweeps_at_a_time(broker: Broker) -> None:
    """The second sweeper does nothing while the first holds the lock, and takes over when it is gone."""
    assert await broker.sweeper("one").sweep("cpu") == 0
    assert await broker.sweeper("two").sweep("cpu") == -1
    broker.sync.delete(SWEEPER_LOCK)
    assert await broker.sweeper("two").sweep("cpu") == 0


async def test_a_queued_job_that_nobody_waits_for_is_forgotten(broker: Broker) -> None:
    """Giving up a queued job empties the lane and frees its id for another evaluation."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    await broker.abandon("a")
    assert broker.sync.xlen(LANE) == 0
    assert await broker.accept(job(2.0, "a")) == [Accepted()]


async def test_a_running_job_that_nobody_waits_for_is_named_to_its_drain(broker: Broker) -> None:
    """Whoever waits for the drain's cancellations hears of it, once."""
    broker.slot()
    await broker.accept(job(job_id="a"))
    drain = broker.drain()
    (taken,) = drain.take(1, 1000)
    await broker.abandon("a")
    slot = Slot(broker.sync, "cpu", "slot")
    assert slot.cancelled(drain.name, 5.0) == [taken.place]
    slot.rouse(drain.name)
    assert slot.cancelled(drain.name, 5.0) == []


async def test_a_job_that_another_gateway_waits_for_goes_on(broker: Broker) -> None:
    """Only the last gateway to leave gives a job up."""
    broker.slot()
    await broker.accept(job(1.0, "a"), gateway="one")
    await broker.accept(job(1.0, "a"), gateway="two")
    await broker.abandon("a", gateway="one")
    assert broker.sync.xlen(LANE) == 1
    await broker.abandon("a", gateway="two")
    assert broker.sync.xlen(LANE) == 0


async def test_a_forgotten_jobs_outcome_is_not_given_to_its_ids_next_owner(broker: Broker) -> None:
    """An outcome of the first evaluation under an id never answers the second."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    drain = broker.drain()
    first = drain.take(1, 1000)
    await broker.abandon("a")
    await broker.accept(job(2.0, "a"))
    assert drain.finish(succeed(first, b"of the first")) == 0
    assert broker.sync.getrange(job_key("a"), 0, 0) == b"Q"


async def test_a_cancellation_ends_its_own_entry_only(broker: Broker) -> None:
    """Given up and asked for again, a job is not ended by the first attempt's cancellation, but by its result."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    drain = broker.drain()
    first = drain.take(1, 1000)
    await broker.abandon("a")
    assert await broker.accept(job(1.0, "a")) == [Accepted()]
    assert drain.finish([FinishedJob(first[0], State.CANCELLED, b"cancelled")]) == 0
    assert drain.finish(succeed(drain.take(1, 1000), b"result")) == 1
    assert await broker.accept(job(1.0, "a")) == [Known(b"result")]


async def test_an_expired_job_is_told_and_its_id_is_free_again(broker: Broker) -> None:
    """Who waits is told; who tries again under the same id is not answered from the past."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    drain = broker.drain()
    async with broker.reading() as seen:
        drain.finish([FinishedJob(drain.take(1, 1000)[0], State.EXPIRED, b"too late")])
        assert await seen.get() == ("a", b"too late")
    assert await broker.accept(job(1.0, "a")) == [Accepted()]
    assert broker.sync.xlen(LANE) == 1


async def test_what_was_given_up_and_asked_for_again_stays(broker: Broker) -> None:
    """Giving up and accepting happen in the order in which they were asked for."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    acceptor = broker.acceptor()
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    acceptor.abandon("a")
    acceptor.accept(job(1.0, "a"), answer.set_result)
    assert await answer == Accepted()
    assert broker.sync.xlen(LANE) == 1
    assert broker.sync.getrange(job_key("a"), 0, 0) == b"Q"


async def test_work_beside_a_busy_drain_is_woken_for_by_the_sweeper(broker: Broker) -> None:
    """With a free slot and every living drain busy, what a dead drain left does not wait for them."""
    broker.slot()
    broker.slot()
    await broker.accept(job())
    busy = broker.drain()
    busy.take(1, 1000)
    await broker.accept(job())
    dead = broker.drain()
    dead.take(1, 1000)
    broker.kill(dead)
    broker.woken.clear()
    assert await broker.sweeper().sweep("cpu") == 1
    assert broker.woken == [LANE]


async def test_idle_consumers_of_dead_drains_are_removed(broker: Broker) -> None:
    """A drain that died with nothing in hand leaves no trace in the group."""
    broker.slot()
    await broker.accept(job())
    drain = broker.drain()
    drain.finish(succeed(drain.take(1, 1000)))
    broker.kill(drain)
    await broker.sweeper().sweep("cpu")
    assert broker.sync.xinfo_consumers(LANE, "drains") == []


async def test_jobs_whose_names_were_lost_on_the_way_are_taken_again(broker: Broker) -> None:
    """After a take that failed in between, the same drain is given what it never heard of."""
    broker.slot()
    drain = broker.drain()
    await broker.accept(job(job_id="a"))

    class Cut:
        """A line that breaks after Redis answered, once."""

        def calls(self, *commands: tuple[object, ...]) -> list[object]:
            """Sends the commands and loses the replies."""
            drain._redis = broker.line
            broker.line.calls(*commands)
            raise ConnectionResetError

    drain._redis = Cut()  # type: ignore[assignment]  # on purpose
    with pytest.raises(ConnectionResetError):
        drain.take(1, 1000)
    assert [each.job_id for each in drain.take(1, 10)] == ["a"]


async def test_a_drain_stays_while_work_waits(broker: Broker) -> None:
    """Work that came in at the last moment keeps an idle drain; one that must go wakes the next."""
    broker.slot()
    drain = broker.drain()
    await broker.accept(job())
    assert drain.leave(in_any_case=False) == "stay"
    assert drain.leave(in_any_case=True) == "wake"
    other = broker.drain()
    other.finish(succeed(other.take(1, 1000)))
    assert other.leave(in_any_case=False) == "left"


async def test_a_lane_that_redis_lost_is_made_again(broker: Broker) -> None:
    """A drain survives a Redis that came back empty."""
    broker.slot()
    drain = broker.drain()
    broker.sync.flushall()
    assert drain.take(1, 10) == []
    broker.slot()
    await broker.accept(job(job_id="a"))
    assert [each.job_id for each in drain.take(1, 1000)] == ["a"]
