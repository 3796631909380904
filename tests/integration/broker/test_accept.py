from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.integration.broker.conftest import LANE, RETENTION_MS, job, succeed

from pullback.broker import Accepted, Acceptor, Known, NewJob, Pipe
from pullback.broker.jobs import DIGEST_BYTES
from pullback.contract.errors import DeviceNotServed, Overloaded, QueueUnavailable, RequestIdReused
from pullback.contract.names import job_key, lane_key, nodes_key
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

NODES = nodes_key("cpu")


async def test_without_a_live_worker_nothing_is_accepted(broker: Broker) -> None:
    """An evaluation for a device that nobody serves is refused at once and leaves nothing behind."""
    (answer,) = await broker.accept(job())
    assert isinstance(answer, DeviceNotServed)
    assert broker.sync.keys("*") == []


async def test_an_evaluation_without_a_wish_takes_the_cpu_first(broker: Broker) -> None:
    """With both classes alive the CPU's lane is taken; with CUDA alone, CUDA's."""
    broker.slot("cuda")
    await broker.accept(job())
    assert broker.sync.xlen(lane_key("cuda")) == 1
    broker.slot("cpu")
    await broker.accept(job())
    assert broker.sync.xlen(lane_key("cpu")) == 1


async def test_a_wish_is_kept(broker: Broker) -> None:
    """An evaluation for CUDA goes to CUDA's lane, or nowhere."""
    broker.slot("cpu")
    wish = job(device=evaluation_pb2.DEVICE_CUDA)
    (refused,) = await broker.accept(wish)
    assert isinstance(refused, DeviceNotServed)
    assert "cuda" in refused.message
    broker.slot("cuda")
    assert await broker.accept(wish) == [Accepted()]
    assert broker.sync.xlen(lane_key("cuda")) == 1


async def test_a_repeated_request_is_not_queued_again(broker: Broker) -> None:
    """The same id with the same evaluation joins the first; the lane holds it once."""
    broker.slot()
    first, second = job(1.0, "same"), job(1.0, "same")
    assert await broker.accept(first, second) == [Accepted(), Accepted()]
    assert broker.sync.xlen(LANE) == 1


async def test_a_repeated_request_is_answered_from_the_record(broker: Broker) -> None:
    """After it finished, the same id gives the stored outcome."""
    broker.slot()
    await broker.accept(job(1.0, "same"))
    drain = broker.drain()
    drain.finish(succeed(drain.take(10, 1000), b"kept"))
    assert await broker.accept(job(1.0, "same")) == [Known(b"kept")]
    assert broker.sync.xlen(LANE) == 0


async def test_the_same_id_for_another_evaluation_is_a_conflict(broker: Broker) -> None:
    """An id belongs to one evaluation, while it waits and after it finished."""
    broker.slot()
    await broker.accept(job(1.0, "same"))
    (waiting,) = await broker.accept(job(2.0, "same"))
    drain = broker.drain()
    drain.finish(succeed(drain.take(10, 1000)))
    (finished,) = await broker.accept(job(2.0, "same"))
    assert isinstance(waiting, RequestIdReused)
    assert isinstance(finished, RequestIdReused)


async def test_a_record_lives_for_time_limit_and_retention(broker: Broker) -> None:
    """Every record expires by itself."""
    broker.slot()
    await broker.accept(job(job_id="a", timeout_ms=5_000))
    left = broker.sync.pttl(job_key("a"))
    assert RETENTION_MS < left <= RETENTION_MS + 5_000


async def test_one_drain_is_woken_for_many_jobs(broker: Broker) -> None:
    """A wake-up under way counts as a drain: the second job asks for none."""
    broker.slot()
    await broker.accept(job())
    await broker.accept(job())
    assert broker.woken == [LANE]


async def test_no_drain_is_woken_while_one_is_idle(broker: Broker) -> None:
    """An idle drain takes the job without any Celery message."""
    broker.slot()
    broker.drain()
    await broker.accept(job())
    assert broker.woken == []


async def test_another_drain_is_woken_where_all_are_busy_and_a_slot_is_free(broker: Broker) -> None:
    """Two slots, one busy drain: a second is woken; with a third job in the queue, no third is."""
    broker.slot()
    broker.slot()
    drain = broker.drain()
    await broker.accept(job())
    drain.take(1, 1000)
    await broker.accept(job())
    assert broker.woken == [LANE]
    await broker.accept(job())
    assert broker.woken == [LANE]


async def test_a_full_redis_refuses_at_the_door(broker: Broker) -> None:
    """Out of memory is Overloaded, nothing of the job is kept, and what was accepted is still finished."""
    broker.slot()
    await broker.accept(job(job_id="before"))
    drain = broker.drain()
    broker.sync.config_set("maxmemory", 1)
    try:
        (answer,) = await broker.accept(job(job_id="after"))
        assert isinstance(answer, Overloaded)
        assert answer.retry_seconds is not None
        assert not broker.sync.exists(job_key("after"))
        assert drain.finish(succeed(drain.take(10, 1000))) == 1
    finally:
        broker.sync.config_set("maxmemory", 0)


async def test_without_redis_the_queue_is_unavailable() -> None:
    """A connection that is refused is QueueUnavailable with a time to wait."""
    nowhere = Pipe("redis://127.0.0.1:1")
    future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    Acceptor(nowhere, "gateway", wake=lambda _: None).accept(job(), future.set_result)
    answer = await future
    assert isinstance(answer, QueueUnavailable)
    assert answer.retry_seconds is not None


async def test_a_long_evaluation_waits_in_its_record(broker: Broker) -> None:
    """What is too long for the lane is fetched from the record, and removed when the job is finished."""
    broker.slot()
    long = b"x" * 100_000
    await broker.accept(NewJob("long", 0, 30_000, RETENTION_MS, bytes(DIGEST_BYTES), long))
    drain = broker.drain()
    (taken,) = drain.take(1, 1000)
    assert taken.payload == b""
    assert drain.payload(taken) == long
    drain.finish(succeed([taken]))
    assert drain.payload(taken) is None


async def test_a_worker_is_still_there_when_the_clock_was_set_forward(broker: Broker) -> None:
    """A slot whose time is up by the clock is served from until two sweeps found it silent."""
    broker.slot()
    (slot,) = broker.sync.zrange(NODES, 0, -1)
    broker.sync.zadd(NODES, {slot: 1})
    assert await broker.accept(job()) == [Accepted()]
    await broker.sweeper().sweep("cpu")
    assert await broker.accept(job()) == [Accepted()]
    # As much later as the sweep gave them.
    scores = broker.sync.zrange(NODES, 0, -1, withscores=True)
    broker.sync.zadd(NODES, {member: score - 60_000 for member, score in scores})
    await broker.sweeper().sweep("cpu")
    (answer,) = await broker.accept(job())
    assert isinstance(answer, DeviceNotServed)


async def test_a_slot_that_leaves_is_not_served_from(broker: Broker) -> None:
    """A worker that stops takes nothing new at once."""
    broker.slot().beat(leaving=True)
    (answer,) = await broker.accept(job())
    assert isinstance(answer, DeviceNotServed)
