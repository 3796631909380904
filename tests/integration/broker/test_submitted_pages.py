from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.broker.shelves import ENGINE, OTHER, TENANT, drain, shelves, submission

from pullback.broker import Ended, Selection
from pullback.contract.errors import QueueUnavailable
from pullback.contract.lifecycle import Event

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker


async def test_what_is_to_be_read_of_a_job_is_told_before(broker: Broker) -> None:
    """The length of its outcome, once it has one, and of its evaluation if that is asked for."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", evaluation=b"x" * 1_000), submission("b")])
    _, taker = drain(broker)
    held = {job.job_id: job for job in taker.take(10, ENGINE)}
    taker.finish([Ended(held["a"], Event.SUCCEED, b"y" * 300, 0.1)], ENGINE)
    assert await side.sizes(TENANT, ["b", "a", "none"], evaluation=False) == [0, 300, 0]
    assert await side.sizes(TENANT, ["b", "a", "none"], evaluation=True) == [len(b"evaluation"), 1_300, 0]
    assert await side.sizes(OTHER, ["a"], evaluation=True) == [0]
    assert await side.sizes(TENANT, [], evaluation=True) == []


async def test_nothing_is_told_where_redis_cannot_be_reached(broker: Broker) -> None:
    """The caller is told to ask again."""
    side = shelves(broker)
    broker.pipe.close()
    with pytest.raises(QueueUnavailable):
        await side.sizes(TENANT, ["a", "b"], evaluation=True)


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize(("count", "filtered"), [(1, False), (3, False), (3, True), (1_000, False)])
async def test_pages_of_any_size_hold_every_job_once_and_in_order(
    broker: Broker, *, oldest_first: bool, count: int, filtered: bool
) -> None:
    """Whether or not some are left out by a filter."""
    side = shelves(broker)
    names = [f"j{number}" for number in range(10)]
    await side.create(
        TENANT, [submission(name, labels=f"\nodd={number % 2}\n") for number, name in enumerate(names)]
    )
    selection = Selection(labels=("odd=1",)) if filtered else Selection()
    found: list[str] = []
    place = None
    while True:
        jobs, place = await side.page(TENANT, selection, after=place, count=count, oldest_first=oldest_first)
        assert len(jobs) <= count
        found += [job.job_id for job in jobs]
        if place is None:
            break
    expected = names[1::2] if filtered else names
    assert found == (expected if oldest_first else expected[::-1])
