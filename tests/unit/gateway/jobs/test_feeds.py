from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.gateway.jobs.shelf import MemoryShelves

from pullback.gateway.jobs import feeds
from pullback.gateway.jobs.feeds import Feed, Feeds, Trimmed, order

TENANT = bytes(8)


def feed_of(shelves: MemoryShelves) -> Feed:
    """Makes a feed."""
    return Feed(shelves, TENANT)  # type: ignore[arg-type]  # a stand-in


async def test_what_one_watch_fetched_is_there_for_all() -> None:
    """Ten that are up to date cost one question to Redis at each news, and none without."""
    shelves = MemoryShelves()
    feed = feed_of(shelves)
    assert await feed.read("0-0") == []
    shelves.submit("a")
    feed.heard()
    shelves.asked.clear()
    seen = await asyncio.gather(*(feed.read("0-0") for _ in range(10)))
    assert [[entry for entry, _ in entries] for entries in seen] == [["1002-0"]] * 10
    assert shelves.asked == ["events"]
    assert await asyncio.gather(*(feed.read("1002-0") for _ in range(10))) == [[]] * 10
    assert shelves.asked == ["events"] * 2


async def test_a_watch_that_is_behind_reads_by_itself_until_it_is_not() -> None:
    """Nothing is kept for it."""
    shelves = MemoryShelves()
    names = [f"j{number}" for number in range(10)]
    for name in names:
        shelves.submit(name)
    feed = feed_of(shelves)
    ahead = shelves.stream[-1][1]
    assert await feed.read(ahead) == []
    shelves.asked.clear()
    assert [changes[0].job_id for _, changes in await feed.read("0-0")] == names
    assert shelves.asked == ["events"]


async def test_news_wake_those_who_wait_for_that_tenant() -> None:
    """And nobody else."""
    hub = Feeds(MemoryShelves(), most_watchers=2)  # type: ignore[arg-type]  # a stand-in
    other = bytes(7) + b"x"
    with hub.watched(TENANT) as feed, hub.watched(other) as elsewhere:
        waiting = asyncio.ensure_future(feed.wait(feed.news()))
        still = elsewhere.news()
        hub.heard(TENANT)
        hub.heard(b"nobody's")
        await waiting
        assert not still.is_set()


async def test_news_that_are_lost_are_looked_for_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next read asks Redis again, though nothing was heard."""
    monkeypatch.setattr(feeds, "NEWS_SECONDS", 0.0)
    shelves = MemoryShelves()
    feed = feed_of(shelves)
    for _ in range(2):
        assert await feed.read("0-0") == []
    shelves.submit("a")
    assert await feed.read("0-0") == []
    await feed.wait(feed.news())
    assert len(await feed.read("0-0")) == 1


async def test_entries_that_are_gone_are_missed() -> None:
    """A reader is told, and not given what is left as if it were all."""
    shelves = MemoryShelves()
    shelves.submit("a")
    shelves.submit("b")
    shelves.submit("c")
    first = shelves.stream[0][1]
    shelves.forget(2)
    with pytest.raises(Trimmed):
        await feed_of(shelves).read(first)


@settings(deadline=None)
@given(
    steps=st.lists(st.tuples(st.sampled_from("rrraah"), st.integers(0, 3)), max_size=60),
    kept=st.integers(1, 6),
)
def test_every_reader_is_given_every_entry_once_and_in_order(steps: list[tuple[str, int]], kept: int) -> None:
    """However far readers lag, and however little is kept."""

    async def run() -> None:
        shelves = MemoryShelves()
        feed = feed_of(shelves)
        places = ["0-0"] * 4
        given: list[list[str]] = [[], [], [], []]
        for number, (step, reader) in enumerate(
            [*steps, *(("h", 0), *(("r", each) for each in range(4))) * 40]
        ):
            if step == "a":
                shelves.submit(f"j{number}")
            elif step == "h":
                feed.heard()
            else:
                entries = [entry for entry, _ in await feed.read(places[reader])]
                given[reader] += entries
                places[reader] = entries[-1] if entries else places[reader]
            assert sum(len(changes) for _, changes in feed._kept) <= max(kept, 1)
        everything = [entry for _, entry, _ in shelves.stream]
        assert everything == sorted(everything, key=order)
        assert given == [everything] * 4

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feeds, "MOST_KEPT", kept)
        patch.setattr(feeds, "ENTRIES_AT_ONCE", 2)
        asyncio.run(run())
