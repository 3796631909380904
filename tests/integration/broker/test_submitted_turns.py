from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

import pytest
from tests.integration.broker.shelves import (
    ENGINE,
    OTHER,
    STARTED_AT,
    TENANT,
    drain,
    shelves,
    submission,
    succeeded,
)

from pullback.broker import Ended, Selection
from pullback.contract.lifecycle import Event, Priority, State
from pullback.contract.names import HABITS, RECORDS, SHARES, tenant_tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.broker.conftest import Broker

    from pullback.broker import HeldJob, ShelfDrain


def work(taker: ShelfDrain, seconds: dict[bytes, float]) -> Iterator[HeldJob]:
    """Takes one job after the other, each of which takes what its tenant's take; gives each once it is finished."""
    while jobs := taker.take(1, ENGINE):
        (job,) = jobs
        taker.finish(succeeded([job], seconds=seconds[job.tenant]), ENGINE)
        yield job


async def test_one_job_does_not_wait_for_another_tenants_hundreds(broker: Broker) -> None:
    """A tenant that begins to wait is next or next but one, however many wait before it."""
    side = shelves(broker)
    await side.create(TENANT, [submission() for _ in range(600)])
    _, taker = drain(broker)
    done = work(taker, {TENANT: 0.001, OTHER: 0.001})
    assert {job.tenant for job in islice(done, 20)} == {TENANT}
    await side.create(OTHER, [submission()])
    assert OTHER in {job.tenant for job in islice(done, 2)}


async def test_a_take_of_many_has_every_tenants_jobs(broker: Broker) -> None:
    """Tenants are served in turns within one take, too."""
    side = shelves(broker)
    tenants = [tenant_tag(str(number)) for number in range(4)]
    for tenant in tenants:
        await side.create(tenant, [submission() for _ in range(100)])
    _, taker = drain(broker)
    taken = [job.tenant for job in taker.take(40, ENGINE)]
    assert [taken.count(tenant) for tenant in tenants] == [10, 10, 10, 10]


@pytest.mark.parametrize("slow", [0.1, 1.0, 60.0])
async def test_tenants_get_equal_time_and_not_equal_numbers(broker: Broker, slow: float) -> None:
    """While both wait, the seconds of two tenants differ by no more than what one job of each takes."""
    side = shelves(broker)
    seconds = {TENANT: slow, OTHER: slow / 50}
    await side.create(TENANT, [submission() for _ in range(20)])
    await side.create(OTHER, [submission() for _ in range(600)])
    _, taker = drain(broker)
    spent = {TENANT: 0.0, OTHER: 0.0}
    for job in islice(work(taker, seconds), 450):
        spent[job.tenant] += seconds[job.tenant]
        # The first job of each is taken before anything is known of how long they take.
        assert abs(spent[TENANT] - spent[OTHER]) <= slow + 2 * slow / 50
    assert min(spent.values()) > 5 * slow


async def test_a_tenant_with_one_long_job_at_a_time_is_no_newcomer_each_time(broker: Broker) -> None:
    """It waits while another, who waits always, has what it had."""
    side = shelves(broker)
    await side.create(OTHER, [submission() for _ in range(300)])
    _, taker = drain(broker)
    seconds = {TENANT: 1.0, OTHER: 0.1}
    done = work(taker, seconds)
    next(done)
    between = []
    for _ in range(5):
        await side.create(TENANT, [submission()])
        between.append(sum(1 for _ in iter(lambda: next(done).tenant, TENANT)))
    assert between[0] <= 1
    assert all(9 <= count <= 11 for count in between[1:])


async def test_an_attempt_that_lost_its_evaluator_is_paid_for(broker: Broker) -> None:
    """A tenant whose job ran for ten seconds until its evaluator died waits until another has had ten, too."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a"), submission("b")])
    _, taker = drain(broker)
    (job,) = taker.take(1, ENGINE)
    await side.create(OTHER, [submission() for _ in range(20)])
    begun = int(broker.sync.time()[0]) * 1_000 - 10_000
    broker.sync.setrange(f"{RECORDS}{TENANT.hex()}/a", STARTED_AT, begun.to_bytes(8, "little"))
    again = taker.next_attempt(job)
    assert again
    taker.finish(succeeded([again]), ENGINE)
    done = work(taker, {TENANT: 1.0, OTHER: 1.0})
    assert {each.tenant for each in islice(done, 9)} == {OTHER}
    assert TENANT in {each.tenant for each in islice(done, 4)}


@pytest.mark.parametrize("end", ["cancel", "delete"])
async def test_a_job_that_is_ended_while_it_runs_is_paid_for(broker: Broker, end: str) -> None:
    """A tenant that has its jobs run for ten seconds, and then cancels or deletes them, waits as any other."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a"), submission("b")])
    _, taker = drain(broker)
    (job,) = taker.take(1, ENGINE)
    await side.create(OTHER, [submission() for _ in range(20)])
    await getattr(side, end)(TENANT, ["a"])
    assert taker.finish([Ended(job, Event.CANCEL, b"cancelled", 10.0)], ENGINE) == 0
    done = work(taker, {TENANT: 1.0, OTHER: 1.0})
    assert {each.tenant for each in islice(done, 9)} == {OTHER}
    assert TENANT in {each.tenant for each in islice(done, 4)}


async def test_what_was_had_while_nobody_waited_is_not_held_against_a_tenant(broker: Broker) -> None:
    """Where nobody waits, all is forgotten."""
    side = shelves(broker)
    _, taker = drain(broker)
    done = work(taker, {TENANT: 1_000.0, OTHER: 0.1})
    await side.create(TENANT, [submission()])
    assert next(done).tenant == TENANT
    await side.create(TENANT, [submission()])
    await side.create(OTHER, [submission() for _ in range(10)])
    assert TENANT in {job.tenant for job in islice(done, 2)}


async def test_interactive_goes_before_normal_before_bulk_but_for_every_eighth_turn(broker: Broker) -> None:
    """Seven of eight turns go by priority, and one the other way round; within a priority the first is first."""
    side = shelves(broker)
    for priority in (Priority.BULK, Priority.NORMAL, Priority.INTERACTIVE):
        await side.create(
            TENANT, [submission(f"{priority.name[0]}{number:02}", priority=priority) for number in range(20)]
        )
    _, taker = drain(broker)
    order = [job.job_id for job in work(taker, {TENANT: 0.001})]
    assert [job_id[0] for job_id in order[:16]] == [*"IIIIIIIBIIIIIIIB"]
    assert [job_id[0] for job_id in order[24:32]] == [*"NNNNNNNB"]
    for letter in "INB":
        assert [job_id for job_id in order if job_id[0] == letter] == sorted(
            job_id for job_id in order if job_id[0] == letter
        )
    assert len(order) == 60


async def test_every_eighth_of_a_take_of_many_is_bulk(broker: Broker) -> None:
    """Turns are counted by jobs, whether they are taken singly or together."""
    side = shelves(broker)
    for priority in (Priority.BULK, Priority.INTERACTIVE):
        await side.create(TENANT, [submission(priority.name + str(n), priority=priority) for n in range(64)])
    _, taker = drain(broker)
    taken = [job.job_id[0] for job in taker.take(48, ENGINE)]
    assert (taken.count("I"), taken.count("B")) == (42, 6)


async def test_nothing_of_turns_is_left_when_no_job_waits(broker: Broker) -> None:
    """Shares end with the last job on a shelf, and what is known of tenants has an end by itself."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a"), submission("b")])
    assert broker.sync.exists(f"{SHARES}cpu") == 1
    _, taker = drain(broker)
    taker.take(1, ENGINE)
    await side.cancel(TENANT, ["b"])
    assert broker.sync.exists(f"{SHARES}cpu") == 0
    assert broker.sync.ttl(f"{HABITS}cpu") > 0


async def test_large_evaluations_are_taken_a_few_at_a_time(broker: Broker) -> None:
    """A take ends before it has more than some MiB, and the rest comes in order."""
    side = shelves(broker)
    await side.create(TENANT, [submission(f"{number}", evaluation=bytes(2**20)) for number in range(10)])
    _, taker = drain(broker)
    takes = []
    while jobs := taker.take(10, ENGINE):
        takes.append([job.job_id for job in jobs])
    assert [job_id for take in takes for job_id in take] == [f"{number}" for number in range(10)]
    assert max(map(len, takes)) == 4
    page, _ = await side.page(TENANT, Selection(states=frozenset({State.RUNNING})), after=None, count=20)
    assert len(page) == 10


async def test_a_bulk_job_has_its_turn_though_takes_are_full_before_it(broker: Broker) -> None:
    """Interactive jobs of which a take holds one are no reason to put the bulk job back again and again."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("bulk", priority=Priority.BULK)])
    large = bytes(3 * 2**20)
    await side.create(
        TENANT, [submission(priority=Priority.INTERACTIVE, evaluation=large) for _ in range(16)]
    )
    order = []
    while jobs := taker.take(8, ENGINE):
        order += [job.job_id for job in jobs]
        taker.finish(succeeded(jobs), ENGINE)
    assert len(order) == 17
    assert order.index("bulk") < 8
