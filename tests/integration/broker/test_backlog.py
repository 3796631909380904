from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from tests.integration.broker import shelves as shelving
from tests.integration.broker.conftest import LANE, job, succeed
from tests.integration.broker.shelves import OTHER, TENANT, submission

from pullback.broker import Backlog, look_at_backlog
from pullback.contract.lifecycle import Priority

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker


async def test_an_empty_redis_has_no_backlog(broker: Broker) -> None:
    """Before the first job there is no lane to look at, and nothing is made by looking."""
    assert await look_at_backlog(broker.redis, "cpu") == Backlog(0, 0.0, 0, 0.0, 0, 0)
    assert broker.sync.keys() == []


@pytest.mark.parametrize("count", [1, 16, 17, 100])
async def test_waiting_running_and_done_are_told_apart(broker: Broker, count: int) -> None:
    """Each job counts as waiting until it is taken, as running until it is finished, and not any more then."""
    broker.slot()
    await broker.accept(*(job() for _ in range(count)))
    before = await look_at_backlog(broker.redis, "cpu")
    assert (before.interactive, before.running, before.slots) == (count, 0, 1)

    drain = broker.drain()
    taken = drain.take(16, 0, [])
    during = await look_at_backlog(broker.redis, "cpu")
    assert (during.interactive, during.running) == (count - len(taken), len(taken))

    while taken:
        taken = drain.take(16, 0, succeed(taken))
    after = await look_at_backlog(broker.redis, "cpu")
    assert (after.interactive, after.interactive_seconds, after.running) == (0, 0.0, 0)


async def test_of_a_long_lane_a_part_is_looked_at(broker: Broker) -> None:
    """Entries of the same size are counted exactly, however many there are."""
    broker.slot()
    for _ in range(30):
        await broker.accept(*(job() for _ in range(16 * 20)))
    assert broker.sync.xlen(LANE) == 600
    assert (await look_at_backlog(broker.redis, "cpu")).interactive == 9_600


async def test_the_age_is_that_of_the_oldest(broker: Broker) -> None:
    """It is the time since it was accepted, by the clock of Redis."""
    broker.slot()
    begun = time.monotonic()
    await broker.accept(job())
    while (found := await look_at_backlog(broker.redis, "cpu")).interactive_seconds < 0.05:
        assert found.interactive == 1
    await broker.accept(job())
    found = await look_at_backlog(broker.redis, "cpu")
    assert 0.05 <= found.interactive_seconds <= time.monotonic() - begun + 0.01


async def test_devices_are_told_apart(broker: Broker) -> None:
    """A device class has its own jobs, and slots."""
    broker.slot("cuda")
    await broker.accept(job())
    assert (await look_at_backlog(broker.redis, "cpu")) == Backlog(0, 0.0, 0, 0.0, 0, 0)
    assert (await look_at_backlog(broker.redis, "cuda"))[::4] == (1, 0)


async def test_submitted_jobs_of_all_tenants_count(broker: Broker) -> None:
    """On shelves of each priority, and as running once a drain holds them; not before their time."""
    shelves = shelving.shelves(broker)
    for tenant in (TENANT, OTHER):
        await shelves.create(
            tenant,
            [
                submission(priority=priority)
                for priority in (Priority.INTERACTIVE, Priority.NORMAL, Priority.BULK)
            ],
        )
    await shelves.create(TENANT, [submission(not_before_ms=int(time.time() * 1000) + 600_000)])
    before = await look_at_backlog(broker.redis, "cpu")
    assert (before.submitted, before.running) == (6, 0)

    broker.slot()
    _, drain = shelving.drain(broker)
    held = drain.take(4, shelving.ENGINE)
    during = await look_at_backlog(broker.redis, "cpu")
    assert (during.submitted, during.running) == (6 - len(held), len(held))
    assert during.submitted_seconds < 60
