from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import uuid4

from tests.integration.broker.conftest import LANE, job, succeed
from tests.integration.broker.shelves import ENGINE, TENANT, drain, shelves, submission, succeeded
from tests.turns import turn

from pullback.broker import LaneDrain, Line
from pullback.broker.tuning import DRAIN_LIFE_MS, SLOT_LIFE_MS, WAKE_LIFE_MS
from pullback.contract.names import drains_key, lane_key, nodes_key

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

FAR_MS = 10**13


async def test_a_free_slot_is_woken_for_a_job(broker: Broker) -> None:
    """Where no drain is alive, the creating script asks for one; once, while that is under way."""
    broker.slot()
    side = shelves(broker)
    await side.create(TENANT, [submission()])
    await side.create(TENANT, [submission()])
    assert broker.woken == [LANE]


async def test_without_a_worker_jobs_wait_for_one(broker: Broker) -> None:
    """Nobody is woken, nothing is refused, and the job goes to the first class."""
    side = shelves(broker)
    await side.create(TENANT, [submission()])
    assert broker.woken == []
    _, taker = drain(broker)
    assert len(taker.take(1, ENGINE)) == 1


async def test_a_job_without_a_wish_goes_where_a_worker_lives(broker: Broker) -> None:
    """The first class with a live worker gets it; one that asks for a class gets that."""
    broker.slot("cuda")
    side = shelves(broker)
    await side.create(TENANT, [submission("any"), submission("cpu", device=1)])
    _, taker = drain(broker, "cuda")
    assert [held.job_id for held in taker.take(9, ENGINE)] == ["any"]
    assert broker.woken == [lane_key("cuda")]


async def test_a_drain_that_waits_at_its_lane_is_roused(broker: Broker) -> None:
    """It comes back without jobs of the lane, knows of those on the shelves, and leaves nothing behind."""
    broker.slot()
    line = Line(broker.url, blocking_seconds=60)
    waiting = LaneDrain(line, LANE, uuid4().hex)
    waiting.join()
    take = asyncio.create_task(asyncio.to_thread(waiting.take, 16, 60_000))
    # It waits once Redis says that a client is blocked.
    while not broker.sync.info("clients")["blocked_clients"]:
        await turn()
    assert not waiting.backlog
    await shelves(broker).create(TENANT, [submission()])
    assert await take == []
    assert waiting.backlog
    assert broker.woken == []
    assert broker.sync.xlen(LANE) == 0
    assert broker.sync.xpending(LANE, "drains")["pending"] == 0
    line.close()


async def test_a_lane_holds_one_entry_without_jobs_at_most(broker: Broker) -> None:
    """However many jobs are created, an idle drain is roused once."""
    lane, _ = drain(broker)
    side = shelves(broker)
    for _ in range(3):
        await side.create(TENANT, [submission()])
    assert broker.sync.xlen(LANE) == 1
    await broker.accept(job(job_id="waited"))
    assert [taken.job_id for taken in lane.take(16, 0)] == []
    broker.slot()
    await broker.accept(job(job_id="waited"))
    assert [taken.job_id for taken in lane.take(16, 0)] == ["waited"]


async def test_an_entry_without_jobs_comes_with_others(broker: Broker) -> None:
    """Waited jobs that are read with it are taken as always."""
    broker.slot()
    lane, _ = drain(broker)
    await shelves(broker).create(TENANT, [submission()])
    await broker.accept(job(job_id="a"), job(job_id="b"))
    taken = lane.take(40, 0)
    assert [each.job_id for each in taken] == ["a", "b"]
    assert lane.finish(succeed(taken)) == 2
    assert broker.sync.xpending(LANE, "drains")["pending"] == 0


async def test_a_drain_that_leaves_work_rouses_the_next(broker: Broker) -> None:
    """A take that leaves jobs on the shelves has another idle drain come for them."""
    lane, taker = drain(broker)
    drain(broker)
    await shelves(broker).create(TENANT, [submission() for _ in range(3)])
    lane.take(16, 0)
    assert broker.sync.xlen(LANE) == 0
    taker.take(1, ENGINE)
    assert broker.sync.xlen(LANE) == 1


async def test_a_drain_with_submitted_jobs_is_busy_for_waited_ones(broker: Broker) -> None:
    """Whoever accepts an evaluation has another slot woken, as beside a drain with waited jobs."""
    broker.slot()
    broker.slot()
    _, taker = drain(broker)
    side = shelves(broker)
    await side.create(TENANT, [submission()])
    held = taker.take(1, ENGINE)
    assert broker.woken == []
    await broker.accept(job())
    assert broker.woken == [LANE]
    taker.finish(succeeded(held), ENGINE)


async def test_the_sweep_finds_shelves_that_nobody_looks_at(broker: Broker) -> None:
    """A wake-up that was lost costs a moment; the lane may not even be there."""
    side = shelves(broker)
    await side.create(TENANT, [submission()])
    broker.slot()
    assert await broker.sweeper().sweep("cpu") == 0
    assert broker.woken == [LANE]


async def test_a_drain_stays_while_submitted_jobs_wait(broker: Broker) -> None:
    """It may not leave, and where it must, the next one is woken."""
    lane, taker = drain(broker)
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    lane.take(1, 0)
    assert lane.backlog
    assert lane.leave(in_any_case=False) == "stay"
    taker.take(1, ENGINE)
    taker.release()
    assert lane.leave(in_any_case=True) == "wake"
    other, taker = drain(broker)
    assert other.take(1, 0) == []
    taker.finish(succeeded(taker.take(1, ENGINE)), ENGINE)
    assert other.leave(in_any_case=False) == "left"


async def test_lives_that_lie_too_far_ahead_are_shortened(broker: Broker) -> None:
    """After the clock was set back, a dead drain does not live on, and a living one keeps what it holds."""
    lane, taker = drain(broker)
    side = shelves(broker)
    await side.create(TENANT, [submission()])
    (held,) = taker.take(1, ENGINE)
    nodes, drains = nodes_key("cpu"), drains_key(lane.lane)
    broker.sync.zadd(nodes, {"slot": FAR_MS})
    broker.sync.zadd(drains, {lane.name: FAR_MS, "wake:1:1": FAR_MS})
    await broker.sweeper().sweep("cpu")
    seconds, micros = broker.sync.time()
    now = seconds * 1_000 + micros // 1_000
    assert now - 60_000 < broker.sync.zscore(nodes, "slot") <= now + SLOT_LIFE_MS
    for member in (lane.name, "wake:1:1"):
        assert broker.sync.zscore(drains, member) <= now + max(DRAIN_LIFE_MS, WAKE_LIFE_MS)
    assert taker.finish(succeeded([held]), ENGINE) == 1
