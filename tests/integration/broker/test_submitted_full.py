from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.broker.shelves import ENGINE, TENANT, drain, shelves, submission, succeeded

from pullback.broker import Created
from pullback.contract.errors import Overloaded
from pullback.contract.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.broker.conftest import Broker


@pytest.fixture
def full(broker: Broker) -> Iterator[None]:
    """Gives Redis its limit back afterwards."""
    limit = broker.sync.config_get("maxmemory")["maxmemory"]
    yield
    broker.sync.config_set("maxmemory", limit)


@pytest.mark.usefixtures("full")
async def test_a_full_redis_takes_no_job_and_finishes_those_that_it_has(broker: Broker) -> None:
    """Creation is refused without a trace; taking, finishing, putting back, cancelling and deleting go on."""
    side = shelves(broker)
    await side.create(TENANT, [submission(name) for name in "abcd"])
    _, taker = drain(broker)
    before = sorted(broker.sync.keys("*"))
    broker.sync.config_set("maxmemory", 1)
    with pytest.raises(Overloaded):
        await side.create(TENANT, [submission("new")])
    assert sorted(broker.sync.keys("*")) == before
    first, second, _ = taker.take(3, ENGINE)
    assert taker.finish(succeeded([first]), ENGINE) == 1
    taker.put_back([second])
    assert await side.cancel(TENANT, ["c", "d"]) == [State.CANCELLED] * 2
    await broker.sweeper().sweep("cpu")
    assert await side.delete(TENANT, ["c", "d"]) == [True, True]
    broker.sync.config_set("maxmemory", 0)
    (created,) = await side.create(TENANT, [submission("new")])
    assert isinstance(created, Created)
    jobs = await side.get(TENANT, [*"abcd"])
    assert [job.state.value if job else "" for job in jobs] == ["S", "Q", "", ""]
