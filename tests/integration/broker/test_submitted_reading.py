from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.broker.shelves import ENGINE, OTHER, TENANT, drain, shelves, submission, succeeded

from pullback.broker import Selection
from pullback.broker.submitted import reading
from pullback.contract.lifecycle import State
from pullback.contract.names import OUTCOMES

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

    from pullback.broker import Shelves, StoredJob


async def walk(
    side: Shelves, selection: Selection, count: int, *, oldest_first: bool = False, tenant: bytes = TENANT
) -> list[StoredJob]:
    """Gives the jobs of all pages."""
    jobs: list[StoredJob] = []
    after = None
    while True:
        page, after = await side.page(tenant, selection, after=after, count=count, oldest_first=oldest_first)
        assert len(page) <= count
        jobs += page
        if after is None:
            return jobs


async def make(broker: Broker) -> list[StoredJob]:
    """Creates forty jobs, many of them in the same ms, in all states; gives them, oldest first."""
    side = shelves(broker)
    _, taker = drain(broker)
    for start in range(0, 40, 10):
        await side.create(
            TENANT,
            [submission(f"{start + n:02}", labels=f"\neven={n % 2 == 0}\nrun={start}\n") for n in range(10)],
        )
        held = taker.take(5, ENGINE)
        taker.finish(succeeded(held[:3]), ENGINE)
        await side.cancel(TENANT, [held[3].job_id, f"{start + 9:02}"])
    await side.create(OTHER, [submission("other")])
    jobs = await side.get(TENANT, [f"{n:02}" for n in range(40)])
    return [job for job in jobs if job]


SELECTIONS = [
    Selection(),
    Selection(states=frozenset({State.SUCCEEDED})),
    Selection(states=frozenset({State.QUEUED, State.RUNNING})),
    Selection(labels=("even=True",)),
    Selection(labels=("even=True", "run=10"), states=frozenset({State.CANCELLED})),
    Selection(labels=("run=1",)),
    Selection(job_ids=("03", "01", "39", "03", "none")),
    Selection(job_ids=("03", "01", "12"), labels=("run=0",)),
]


@pytest.mark.parametrize("oldest_first", [False, True])
@pytest.mark.parametrize("count", [1, 3, 40])
@pytest.mark.parametrize("selection", SELECTIONS)
async def test_pages_hold_what_is_selected_once_each_and_in_order(
    broker: Broker, selection: Selection, count: int, oldest_first: bool
) -> None:
    """However long pages are, together they hold the jobs that a plain look at all finds."""
    jobs = await make(broker)
    expected = [
        job.job_id
        for job in jobs
        if (not selection.states or job.state in selection.states)
        and set(selection.labels) <= set(job.labels.split())
        and (not selection.job_ids or job.job_id in selection.job_ids)
    ]
    if not oldest_first:
        expected.reverse()
    found = await walk(shelves(broker), selection, count, oldest_first=oldest_first)
    assert [job.job_id for job in found] == expected


async def test_jobs_are_selected_by_when_they_were_created(broker: Broker) -> None:
    """The first time belongs to what is selected, and the last does not."""
    jobs = await make(broker)
    low, high = jobs[10].created_ms, jobs[30].created_ms
    found = await walk(shelves(broker), Selection(from_ms=low, before_ms=high), 7, oldest_first=True)
    assert found == [job for job in jobs if low <= job.created_ms < high]
    assert found


async def test_a_page_looks_at_so_many_jobs_and_no_more(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page for what few jobs match may be empty, and says where to go on."""
    monkeypatch.setattr(reading, "RECORDS_AT_ONCE", 4)
    monkeypatch.setattr(reading, "LOOKS", 8)
    jobs = await make(broker)
    side = shelves(broker)
    page, after = await side.page(TENANT, Selection(labels=("run=0",)), after=None, count=9)
    assert (page, after) == ([], jobs[-8].place)
    found = await walk(side, Selection(labels=("run=0",)), 9)
    assert found == jobs[9::-1]


async def test_a_walk_goes_on_where_its_last_job_was_deleted(broker: Broker) -> None:
    """A place is one in the order of creation, whatever became of the job there."""
    jobs = await make(broker)
    side = shelves(broker)
    page, after = await side.page(TENANT, Selection(), after=None, count=10)
    await side.delete(TENANT, [job.job_id for job in page])
    await side.create(TENANT, [submission("new")])
    page, _ = await side.page(TENANT, Selection(), after=after, count=10)
    assert page == jobs[29:19:-1]


async def test_errors_come_with_a_page_and_results_when_asked_for(broker: Broker) -> None:
    """A cancelled job says so in any case."""
    jobs = await make(broker)
    assert {job.state for job in jobs if job.outcome} == {State.CANCELLED}
    (job,) = await shelves(broker).get(TENANT, ["00"], outcome=True)
    assert job
    assert (job.outcome, job.evaluation) == (b"outcome", None)


async def test_a_job_that_goes_between_two_looks_is_given_as_gone(broker: Broker) -> None:
    """Not as one that succeeded with no result: its record was read, and what it came to was deleted by then."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("a"), submission("b")])
    taker.finish(succeeded(taker.take(2, ENGINE)), ENGINE)
    broker.sync.delete(f"{OUTCOMES}{TENANT.hex()}/a")
    gone, there = await side.get(TENANT, ["a", "b"], outcome=True)
    assert gone is None
    assert there
    assert there.outcome == b"outcome"
