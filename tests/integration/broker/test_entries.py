"""Jobs that share an entry of a lane: taken together, and still each with a life of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st
from tests.integration.broker.conftest import LANE, job, succeed

from pullback.broker import Accepted, Known, accepting
from pullback.broker.accepting import COMPANY, CROWD, CROWD_COMPANY
from pullback.broker.jobs import NewJob, taken_jobs
from pullback.broker.tuning import ENTRY_JOBS, INLINE_EVALUATION_BYTES
from pullback.contract.errors import RequestIdReused
from pullback.contract.names import given_up_key, job_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from tests.integration.broker.conftest import Broker

    from pullback.broker import TakenJob


def ids(taken: Sequence[TakenJob]) -> list[str]:
    """The ids of jobs."""
    return [each.job_id for each in taken]


@given(
    st.lists(
        st.tuples(
            st.text("abcXYZ019._:-", min_size=1, max_size=128),
            st.integers(1, 2**40),
            st.binary(min_size=16, max_size=16),
            st.binary(max_size=300),
            st.booleans(),
            st.binary(min_size=8, max_size=8),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_packed_is_read_again(jobs: list[tuple[str, int, bytes, bytes, bool, bytes]]) -> None:
    """Any jobs, one after the other, come out as they went in; a long one without its evaluation."""
    packed = b"".join(
        NewJob(job_id, 0, limit, 0, digest, payload, tenant).packed(long=long)
        for job_id, limit, digest, payload, long, tenant in jobs
    )
    taken = taken_jobs(b"1-0", [b"attempt", b"3", b"accepted", b"1000", b"jobs", packed])
    assert [
        (t.entry, t.job_id, t.attempt, t.accepted_ms, t.deadline_ms, t.digest, t.payload, t.tenant)
        for t in taken
    ] == [
        (b"1-0", job_id, 3, 1000, 1000 + limit, digest, b"" if long else payload, tenant)
        for job_id, limit, digest, payload, long, tenant in jobs
    ]


async def test_jobs_accepted_together_share_entries(broker: Broker) -> None:
    """Forty jobs of one script lie in three entries and are taken in order, each once."""
    broker.slot()
    names = [f"job-{number}" for number in range(40)]
    await broker.accept(*(job(job_id=name) for name in names))
    assert broker.sync.xlen(LANE) == -(-40 // ENTRY_JOBS)
    assert ids(broker.drain().take(100, 1000)) == names


async def test_an_entry_is_not_longer_than_its_limit(broker: Broker) -> None:
    """Evaluations that are big, but not too big for a lane, do not share an entry."""
    broker.slot()
    big = bytes(INLINE_EVALUATION_BYTES - 100)
    jobs = [NewJob(name, 0, 30_000, 0, bytes(16), big) for name in "abc"]
    await broker.accept(*jobs)
    assert broker.sync.xlen(LANE) == 3


async def test_an_entry_leaves_the_lane_with_its_last_job(broker: Broker) -> None:
    """Finished one by one, jobs are answered at once, and the entry stays until all are."""
    broker.slot()
    await broker.accept(job(1.0, "a"), job(1.0, "b"))
    drain = broker.drain()
    first, second = drain.take(10, 1000)
    drain.finish(succeed([first]))
    assert await broker.accept(job(1.0, "a")) == [Known(b"outcome")]
    assert broker.sync.xlen(LANE) == 1
    drain.finish(succeed([second]))
    assert broker.sync.xlen(LANE) == 0


async def test_one_id_twice_in_one_script_is_one_job(broker: Broker) -> None:
    """The second of two equal requests joins, and another evaluation under the id is a conflict."""
    broker.slot()
    answers = await broker.accept(job(1.0, "a"), job(1.0, "a"), job(2.0, "a"), job(1.0, "b"))
    assert answers[:2] == [Accepted(), Accepted()]
    assert isinstance(answers[2], RequestIdReused)
    assert ids(broker.drain().take(10, 1000)) == ["a", "b"]


async def test_a_dead_drains_entry_is_queued_again_without_what_it_finished(broker: Broker) -> None:
    """Of three jobs in one entry one was finished and one given up: the third alone is tried again."""
    broker.slot()
    await broker.accept(job(1.0, "a"), job(1.0, "b"), job(1.0, "c"))
    dead = broker.drain()
    first, *_ = dead.take(10, 1000)
    dead.finish(succeed([first]))
    await broker.abandon("b")
    broker.kill(dead)
    assert await broker.sweeper().sweep("cpu") == 1
    (again,) = broker.drain().take(10, 1000)
    assert (again.job_id, again.attempt) == ("c", 2)
    assert broker.sync.xlen(LANE) == 1


async def test_a_job_given_up_in_a_shared_entry_is_not_worked_on(broker: Broker) -> None:
    """The drain is given the others only, and nothing of the one is kept."""
    broker.slot()
    await broker.accept(job(1.0, "a"), job(1.0, "b"), job(1.0, "c"))
    await broker.abandon("b")
    drain = broker.drain()
    taken = drain.take(10, 1000)
    assert ids(taken) == ["a", "c"]
    drain.finish(succeed(taken))
    assert broker.sync.xlen(LANE) == 0
    assert not broker.sync.exists(given_up_key(LANE), job_key("b"))


async def test_an_entry_of_which_all_is_given_up_goes(broker: Broker) -> None:
    """A drain that finds nothing to do in an entry takes it off the lane."""
    broker.slot()
    await broker.accept(job(1.0, "a"), job(1.0, "b"))
    await broker.abandon("a")
    await broker.abandon("b")
    assert broker.drain().take(10, 10) == []
    assert broker.sync.xlen(LANE) == 0
    assert broker.sync.xpending(LANE, "drains")["pending"] == 0


async def test_a_job_given_up_and_asked_for_again_is_worked_on(broker: Broker) -> None:
    """What was given up is one entry's part, not the id."""
    broker.slot()
    await broker.accept(job(1.0, "a"), job(1.0, "b"))
    await broker.abandon("a")
    await broker.accept(job(1.0, "a"))
    drain = broker.drain()
    assert ids(drain.take(10, 1000) + drain.take(10, 1000)) == ["b", "a"]


async def test_a_drain_that_wants_few_leaves_the_rest_to_others(broker: Broker) -> None:
    """Of an entry's five jobs it keeps two; another drain finds the three, and each job is finished once."""
    broker.slot()
    await broker.accept(*(job(1.0, name) for name in "abcde"))
    one, other = broker.drain(), broker.drain()
    kept = one.take(2, 1000)
    assert ids(kept) == ["a", "b"]
    rest = [each for _ in range(3) for each in other.take(1, 1000)]
    assert ids(rest) == ["c", "d", "e"]
    assert one.finish(succeed(kept)) == 2
    assert other.finish(succeed(rest)) == 3
    assert broker.sync.xlen(LANE) == 0


async def test_what_was_put_back_is_not_swept_from_its_first_entry(broker: Broker) -> None:
    """A drain that shared an entry and died loses what it kept, and nothing is queued twice."""
    broker.slot()
    await broker.accept(*(job(1.0, name) for name in "abc"))
    dead = broker.drain()
    assert ids(dead.take(1, 1000)) == ["a"]
    broker.kill(dead)
    assert await broker.sweeper().sweep("cpu") == 1
    drain = broker.drain()
    taken = [each for _ in range(3) for each in drain.take(1, 1000)]
    assert [(each.job_id, each.attempt) for each in taken] == [("b", 1), ("c", 1), ("a", 2)]


async def test_jobs_are_finished_on_the_way_to_the_next(broker: Broker) -> None:
    """Outcomes that go along with a look at the lane are written before it is looked at."""
    broker.slot()
    await broker.accept(job(1.0, "a"))
    drain = broker.drain()
    done = succeed(drain.take(1, 1000), b"done")
    await broker.accept(job(1.0, "b"))
    broker.sync.script_flush()
    assert ids(drain.take(1, 1000, done)) == ["b"]
    assert await broker.accept(job(1.0, "a")) == [Known(b"done")]


async def test_in_company_jobs_gather(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """While others are under way, jobs that come one by one share an entry; a full entry waits no longer."""
    # So long that it is the full entry that ends the wait.
    monkeypatch.setattr(accepting, "GATHER_SECONDS", 3_600.0)
    broker.slot()
    acceptor = broker.acceptor()
    answers: list[asyncio.Future[object]] = []
    for number in range(ENTRY_JOBS):
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        answers.append(answer)
        acceptor.accept(job(job_id=str(number)), answer.set_result, company=COMPANY + number + 1)
        await broker.pipe.call("PING")
    assert await asyncio.gather(*answers) == [Accepted()] * ENTRY_JOBS
    assert broker.sync.xlen(LANE) == 1


async def test_in_a_crowd_less_company_is_waited_for(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs that come one close upon the other gather, though few are under way at a time; others do not."""
    monkeypatch.setattr(accepting, "GATHER_SECONDS", 3_600.0)
    broker.slot()
    acceptor = broker.acceptor()

    async def accept(number: int) -> None:
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        acceptor.accept(job(job_id=str(number)), answer.set_result, company=CROWD_COMPANY)
        await answer

    monkeypatch.setattr(accepting, "CROWD_SECONDS", 0.0)
    for number in range(CROWD):
        await accept(number)
    assert broker.sync.xlen(LANE) == CROWD
    monkeypatch.setattr(accepting, "CROWD_SECONDS", 3_600.0)
    await asyncio.gather(*(asyncio.create_task(accept(CROWD + number)) for number in range(ENTRY_JOBS)))
    assert broker.sync.xlen(LANE) == CROWD + 1


async def test_in_company_a_job_waits_no_longer_than_a_moment(broker: Broker) -> None:
    """Where no others come, a job is accepted by itself."""
    broker.slot()
    answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    broker.acceptor().accept(job(), answer.set_result, company=COMPANY + 1)
    assert await answer == Accepted()


async def test_a_record_may_live_for_years(broker: Broker) -> None:
    """Nothing on the way is too narrow for a long retention."""
    broker.slot()
    years_ms = 10 * 365 * 86_400_000
    assert await broker.accept(NewJob("a", 0, 1_000, years_ms, bytes(16), b"x")) == [Accepted()]
    assert broker.sync.pttl(job_key("a")) > years_ms - 60_000
