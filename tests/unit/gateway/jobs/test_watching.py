from __future__ import annotations

import asyncio
from collections import Counter
from copy import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.unit.gateway.jobs.shelf import MemoryShelves

from pullback.contract.errors import Overloaded, Stopping
from pullback.contract.lifecycle import TERMINAL, State
from pullback.gateway.jobs import feeds, reading, watching
from pullback.gateway.jobs.feeds import Feed, Feeds
from pullback.gateway.jobs.filters import Filter
from pullback.gateway.jobs.reading import Reader
from pullback.gateway.jobs.rendering import STATES
from pullback.gateway.jobs.tokens import read_cursor
from pullback.gateway.jobs.watching import Watch
from pullback.gateway.tenants import EVERYBODY
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

FINISHED = {STATES[state] for state in TERMINAL}


class Quiet(Exception):
    """The watch waits for news, and none will come."""


def watch(
    shelves: MemoryShelves,
    feed: Feed,
    cursor: str = "",
    *,
    view: int = pb.JOB_VIEW_BASIC,
    wanted: pb.JobFilter | None = None,
) -> AsyncIterator[bytes]:
    """Begins a watch."""
    tag = EVERYBODY.tag
    checked = Filter(wanted or pb.JobFilter(), tag)
    reader = Reader(shelves, tag, view, 0)  # type: ignore[arg-type]  # a stand-in
    call = Watch(shelves, feed, EVERYBODY, checked, reader)  # type: ignore[arg-type]  # a stand-in
    return call.messages(read_cursor(cursor, checked.scope) if cursor else None)


def feed_of(shelves: MemoryShelves, *, wait: Any = None) -> Feed:
    """Makes a feed; `wait` is called in place of a wait for news."""
    feed = Feed(shelves, EVERYBODY.tag)  # type: ignore[arg-type]  # a stand-in

    async def quiet(news: asyncio.Event) -> None:
        del news
        if wait is None or not wait():
            raise Quiet
        feed.heard()

    feed.wait = quiet  # type: ignore[method-assign]  # so that a test knows
    return feed


def one_by_one(*steps: Callable[[], None]) -> Callable[[], bool]:
    """Takes a step whenever a watch waits, as long as there are any."""
    left = list(steps)

    def step() -> bool:
        if left:
            left.pop(0)()
            return True
        return False

    return step


async def all_of(messages: AsyncIterator[bytes]) -> list[pb.WatchJobsResponse]:
    """Gives what a watch gives until it waits."""
    given: list[pb.WatchJobsResponse] = []
    try:
        async for message in messages:
            given.append(pb.WatchJobsResponse.FromString(message))  # noqa: PERF401 - kept though it ends with an error
    except Quiet:
        return given
    raise AssertionError("a watch ends with an error only")


def states(responses: list[pb.WatchJobsResponse]) -> list[tuple[str, str]]:
    """Gives what was told of which job, in order."""
    return [
        (job.name.removeprefix("jobs/"), pb.JobState.Name(job.state).removeprefix("JOB_STATE_"))
        for response in responses
        for job in response.jobs
    ]


async def test_without_a_cursor_all_jobs_are_given_oldest_first() -> None:
    """And the last message says that these are all."""
    shelves = MemoryShelves()
    shelves.submit("b", "a")
    shelves.take("b")
    shelves.end("b")
    shelves.submit("c")
    given = await all_of(watch(shelves, feed_of(shelves)))
    assert states(given) == [("b", "SUCCEEDED"), ("a", "QUEUED"), ("c", "QUEUED")]
    assert [response.caught_up for response in given] == [False, True]


async def test_where_there_are_no_jobs_the_caller_is_told_so() -> None:
    """An empty message with a cursor, which counts from the beginning."""
    shelves = MemoryShelves()
    given = await all_of(watch(shelves, feed_of(shelves)))
    assert [(len(response.jobs), response.caught_up) for response in given] == [(0, True)]
    shelves.submit("a")
    assert states(await all_of(watch(shelves, feed_of(shelves), given[-1].cursor))) == [("a", "QUEUED")]


async def test_changes_follow_and_several_of_one_job_are_told_once() -> None:
    """What happened between two looks at the stream is told by how things are now."""
    shelves = MemoryShelves()
    shelves.submit("a")

    def second() -> None:
        shelves.end("a", state=State.FAILED)
        shelves.submit("b")

    step = one_by_one(lambda: shelves.take("a"), second)
    given = await all_of(watch(shelves, feed_of(shelves, wait=step)))
    assert states(given) == [("a", "QUEUED"), ("a", "RUNNING"), ("a", "FAILED"), ("b", "QUEUED")]
    assert all(response.caught_up for response in given[1:])


async def test_a_deleted_job_is_named() -> None:
    """Once, and an id that is used again is told of after that."""
    shelves = MemoryShelves()
    shelves.submit("a", "b")
    first = (await all_of(watch(shelves, feed_of(shelves))))[-1].cursor
    shelves.remove("a")
    shelves.submit("a")
    given = await all_of(watch(shelves, feed_of(shelves), first))
    assert [
        (list(response.deleted_names), states([response])) for response in given if not response.caught_up
    ] == [
        (["jobs/a"], []),
        ([], [("a", "QUEUED")]),
    ]


async def test_a_filter_by_state_gives_changes_to_that_state_only() -> None:
    """A job is given when it comes to match, and not for what it does before."""
    shelves = MemoryShelves()
    shelves.submit("a", "b", "c")
    shelves.end("a")
    wanted = pb.JobFilter(states=[pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED])

    def step() -> bool:
        if shelves.jobs["b"].state is State.QUEUED:
            shelves.take("b", "c")
            return True
        if shelves.jobs["b"].state is State.RUNNING:
            shelves.end("b")
            shelves.end("c", state=State.CANCELLED)
            return True
        return False

    given = await all_of(watch(shelves, feed_of(shelves, wait=step), wanted=wanted))
    assert states(given) == [("a", "SUCCEEDED"), ("b", "SUCCEEDED")]


async def test_only_jobs_with_the_labels_names_and_times_are_given() -> None:
    """In the look at all jobs as well as afterwards."""
    shelves = MemoryShelves()
    shelves.submit("a", labels="\nrun=1\nuser=x\n")
    shelves.submit("b", labels="\nrun=10\nuser=x\n")
    shelves.submit("c", labels="\nrun=1\nuser=x\n")
    before = pb.JobFilter(labels={"run": "1"})
    before.created_before.FromMilliseconds(shelves.jobs["c"].created_ms)
    for wanted, expected in (
        (pb.JobFilter(labels={"run": "1"}), "ac"),
        (pb.JobFilter(labels={"run": "1", "user": "y"}), ""),
        (pb.JobFilter(names=["jobs/c", "jobs/b", "jobs/z"]), "bc"),
        (before, "a"),
    ):
        given = await all_of(watch(shelves, feed_of(shelves), wanted=wanted))
        assert "".join(job_id for job_id, _ in states(given)) == expected
        start = given[-1].cursor
        later = copy(shelves)
        later.jobs, later.stream = dict(shelves.jobs), list(shelves.stream)
        later.end("a", "b", "c")
        given = await all_of(watch(later, feed_of(later), start, wanted=wanted))
        assert "".join(job_id for job_id, _ in states(given)) == expected


async def test_results_are_given_where_they_are_asked_for() -> None:
    """RESULT has the result, FULL the evaluation too; messages stay near their size."""
    shelves = MemoryShelves()
    shelves.result_bytes = reading.BYTES_AT_ONCE // 3
    names = [f"j{number}" for number in range(8)]
    shelves.submit(*names)
    shelves.end(*names)
    for view, whole in ((pb.JOB_VIEW_RESULT, False), (pb.JOB_VIEW_FULL, True)):
        given = await all_of(watch(shelves, feed_of(shelves), view=view))
        assert [name for name, _ in states(given)] == names
        assert all(response.ByteSize() < 2 * reading.BYTES_AT_ONCE for response in given)
        assert {job.HasField("evaluation") for response in given for job in response.jobs} == {whole}
        assert {len(job.result.printed) for response in given for job in response.jobs} == {
            shelves.result_bytes
        }


async def test_what_the_stream_no_longer_has_makes_all_jobs_be_given_again() -> None:
    """The present state of each, and then what follows."""
    shelves = MemoryShelves()
    shelves.submit("a", "b")
    start = (await all_of(watch(shelves, feed_of(shelves))))[-1].cursor
    shelves.end("a")
    shelves.take("b")
    shelves.forget(2)
    given = await all_of(watch(shelves, feed_of(shelves), start))
    assert states(given) == [("a", "SUCCEEDED"), ("b", "RUNNING")]
    shelves.end("b")
    assert states(await all_of(watch(shelves, feed_of(shelves), given[-1].cursor))) == [("b", "SUCCEEDED")]


async def test_a_cursor_from_before_a_redis_that_forgot_is_no_good() -> None:
    """One that took over may lack what another gave last: all is given again."""
    shelves = MemoryShelves()
    shelves.submit("a")
    entries = list(shelves.stream), shelves._last
    shelves.end("a")
    start = (await all_of(watch(shelves, feed_of(shelves))))[-1].cursor
    shelves.stream, shelves._last = entries
    assert states(await all_of(watch(shelves, feed_of(shelves), start))) == [("a", "SUCCEEDED")]


async def test_a_stream_that_is_put_away_gives_a_waiting_caller_nothing_twice() -> None:
    """Nothing happened for long, so there was nothing to miss."""
    shelves = MemoryShelves()
    shelves.submit("a")
    shelves.end("a")
    step = one_by_one(shelves.put_away, lambda: None, lambda: shelves.submit("b"))
    given = await all_of(watch(shelves, feed_of(shelves, wait=step)))
    assert states(given) == [("a", "SUCCEEDED"), ("b", "QUEUED")]


async def test_a_gateway_that_stops_ends_its_watches() -> None:
    """The error tells to go on elsewhere, and new watches beyond the most are refused."""
    shelves = MemoryShelves()
    hub = Feeds(shelves, most_watchers=1)  # type: ignore[arg-type]  # a stand-in
    with hub.watched(EVERYBODY.tag) as feed:
        with pytest.raises(Overloaded), hub.watched(EVERYBODY.tag):
            pass
        wait, waits = feed.wait, asyncio.Event()

        async def noted(news: asyncio.Event) -> None:
            waits.set()
            await wait(news)

        feed.wait = noted  # type: ignore[method-assign]  # so that the test knows
        messages = watch(shelves, feed)
        await anext(messages)
        waiting = asyncio.ensure_future(anext(messages))
        await waits.wait()
        hub.stop()
        with pytest.raises(Stopping):
            await waiting


@pytest.mark.usefixtures("small")
async def test_a_job_that_comes_and_ends_while_results_are_fetched_is_not_passed_over() -> None:
    """It is not on the list that was made before, though that list was the last one."""
    shelves = MemoryShelves()
    shelves.result_bytes = 100
    shelves.submit("a", "b")
    shelves.end("a", "b")

    def happen() -> None:
        if shelves.asked.count("get") == 1 and shelves.asked[-1] == "get":
            shelves.submit("c")
            shelves.end("c")

    shelves.between = happen
    given = await all_of(watch(shelves, feed_of(shelves), view=pb.JOB_VIEW_RESULT))
    assert states(given) == [("a", "SUCCEEDED"), ("b", "SUCCEEDED"), ("c", "SUCCEEDED")]


# What others do while a watch looks, each as one script: how many jobs, and what becomes of them.
deeds = st.lists(
    st.tuples(
        st.sampled_from(["submit", "take", "end", "fail", "remove", "nothing"]),
        st.integers(1, 4),
        st.integers(0, 9),
    ),
    max_size=40,
)


@dataclass
class World:
    """Shelves on which things happen whenever they are asked for anything, and what a caller was told of it."""

    deeds: list[tuple[str, int, int]]
    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    now: dict[str, int] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.shelves = MemoryShelves(self.happen)

    def happen(self) -> None:
        """Does the next deed."""
        if not self.deeds:
            return
        deed, count, seed = self.deeds.pop()
        jobs = list(self.shelves.jobs.values())
        live = [job.job_id for job in jobs if job.state not in TERMINAL]
        queued = [job.job_id for job in jobs if job.state is State.QUEUED]
        some = {"take": queued, "end": live, "fail": live, "remove": list(self.shelves.jobs)}.get(deed, [])
        some = some[seed % max(1, len(some)) :][:count]
        if deed == "submit":
            self.number += count
            names = [f"j{number}" for number in range(self.number - count, self.number)]
            self.shelves.submit(*names, labels=f"\nodd={seed % 2}\n")
        elif some and deed == "take":
            self.shelves.take(*some)
        elif some and deed == "remove":
            self.shelves.remove(*some)
        elif some:
            self.shelves.end(*some, state=State.FAILED if deed == "fail" else State.SUCCEEDED)

    def wait(self) -> bool:
        """Lets the watch go on as long as there are deeds to do."""
        more = bool(self.deeds)
        self.happen()
        return more

    def tell(self, response: pb.WatchJobsResponse) -> None:
        """Takes note of what the caller is told."""
        for job in response.jobs:
            job_id = job.name.removeprefix("jobs/")
            self.now[job_id] = job.state
            if job.state in FINISHED:
                self.told[job_id, job.state] += 1
        for name in response.deleted_names:
            self.now.pop(name.removeprefix("jobs/"), None)


async def _watch_with_cuts(world: World, cuts: list[int], view: int, wanted: pb.JobFilter) -> None:
    """Watches until all is quiet; after so many messages the connection breaks, and another gateway goes on."""
    cursor = ""
    while True:
        most = cuts.pop() if cuts else -1
        messages = watch(
            world.shelves, feed_of(world.shelves, wait=world.wait), cursor, view=view, wanted=wanted
        )
        try:
            async for message in messages:
                response = pb.WatchJobsResponse.FromString(message)
                world.tell(response)
                cursor = response.cursor
                most -= 1
                if most == 0:
                    break
        except Quiet:
            return
        await messages.aclose()  # type: ignore[attr-defined]  # it is a generator


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Messages, pages, reads and feeds so small that few jobs make many of them."""
    with (
        patch.object(reading, "JOBS_AT_ONCE", 3),
        patch.object(watching, "JOBS_AT_ONCE", 3),
        patch.object(reading, "BYTES_AT_ONCE", 40),
        patch.object(watching, "ENTRIES_AT_ONCE", 2),
        patch.object(feeds, "ENTRIES_AT_ONCE", 2),
        patch.object(feeds, "MOST_KEPT", 4),
    ):
        yield


FILTERS = {
    "all": pb.JobFilter(),
    "finished": pb.JobFilter(states=[pb.JOB_STATE_SUCCEEDED, pb.JOB_STATE_FAILED]),
    "labelled": pb.JobFilter(labels={"odd": "1"}),
    "named": pb.JobFilter(names=[f"jobs/j{number}" for number in range(0, 40, 2)]),
}


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("view", [pb.JOB_VIEW_BASIC, pb.JOB_VIEW_RESULT])
@pytest.mark.parametrize("which", FILTERS)
@settings(deadline=None)
# A job comes to the state that is asked for, between two that are in a page which has to be given in two messages.
@example(
    before=[
        ("end", 1, 1),
        ("submit", 1, 0),
        ("submit", 1, 0),
        ("end", 2, 0),
        ("submit", 1, 0),
        ("submit", 1, 0),
    ],
    during=[("end", 1, 0), ("submit", 1, 0), ("submit", 1, 0), ("submit", 1, 0)],
    cuts=[],
)
@given(before=deeds, during=deeds, cuts=st.lists(st.integers(1, 4), max_size=12))
def test_whatever_happens_meanwhile_every_job_is_known_in_the_end_and_no_end_is_told_twice(
    view: int,
    which: str,
    before: list[tuple[str, int, int]],
    during: list[tuple[str, int, int]],
    cuts: list[int],
) -> None:
    """Jobs come, run, finish and go between any two steps of a watch, whose connection breaks and is resumed."""
    world = World(list(before))
    while world.deeds:
        world.happen()
    world.deeds = list(during)
    wanted = FILTERS[which]
    asyncio.run(_watch_with_cuts(world, cuts, view, wanted))
    checked = Filter(wanted, EVERYBODY.tag)
    matching = {job.job_id: STATES[job.state] for job in world.shelves.jobs.values() if checked.fits(job)}
    assert {job_id: state for job_id, state in world.now.items() if job_id in matching} == matching
    gone = world.now.keys() - world.shelves.jobs.keys()
    assert gone == set()
    assert all(count == 1 for count in world.told.values())
