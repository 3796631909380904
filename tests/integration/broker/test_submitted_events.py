from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.integration.broker.shelves import (
    ENGINE,
    OTHER,
    TENANT,
    drain,
    ring,
    shelves,
    submission,
    succeeded,
)

from pullback.broker import EVENTS_CHANNEL, Pipe
from pullback.contract.lifecycle import State
from pullback.contract.names import EVENTFUL, EVENTS

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

STREAM = f"{EVENTS}{TENANT.hex()}"


async def told(broker: Broker, after: str = "0-0") -> list[tuple[str, str]]:
    """Gives what was told, as ids and letters."""
    entries, whole = await shelves(broker).events(TENANT, after, 1_000)
    assert whole
    return [
        (each.job_id, each.state.value if each.state else "-") for _, changes in entries for each in changes
    ]


async def test_every_change_is_told_in_order(broker: Broker) -> None:
    """A job's states follow each other, with its labels and the number of its attempt."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a", labels="\nk=v\n"), submission("b")])
    await side.create(OTHER, [submission("other")])
    _, taker = drain(broker)
    held = [job for job in taker.take(3, ENGINE) if job.job_id == "a"]
    taker.finish(succeeded(held), ENGINE)
    await side.cancel(TENANT, ["b"])
    await side.delete(TENANT, ["a"])
    changes = await told(broker)
    assert [letter for job_id, letter in changes if job_id == "a"] == ["Q", "R", "S", "-"]
    assert [letter for job_id, letter in changes if job_id == "b"] == ["Q", "R", "C"]
    assert "other" not in {job_id for job_id, _ in changes}
    entries, _ = await side.events(TENANT, "0-0", 1_000)
    first = entries[0][1][0]
    assert (first.labels, first.attempt, first.state) == ("\nk=v\n", 0, State.QUEUED)
    (job,) = await side.get(TENANT, ["b"])
    assert job
    assert entries[-2][1][0].at_ms == job.finished_ms


async def test_a_reader_goes_on_where_it_was(broker: Broker) -> None:
    """It is given what came after the entry that it names."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    end = await side.end_of_events(TENANT)
    assert await told(broker, end) == []
    await side.create(TENANT, [submission("b")])
    assert await told(broker, end) == [("b", "Q")]


async def test_many_changes_are_parted_into_entries(broker: Broker) -> None:
    """No entry is much longer than some KiB, and each names the one before it."""
    side = shelves(broker)
    await side.create(TENANT, [submission(labels=f"\nk={'x' * 50}\n") for _ in range(200)])
    entries = broker.sync.xrange(STREAM)
    assert len(entries) > 3
    assert all(len(fields[b"changes"]) <= 4_096 for _, fields in entries)
    assert [fields[b"before"] for _, fields in entries] == [b"0-0", *(entry for entry, _ in entries[:-1])]
    some, _ = await side.events(TENANT, "0-0", 2)
    assert [entry for entry, _ in some] == [entry.decode() for entry, _ in entries[:2]]


async def test_a_reader_that_missed_something_is_told_so(broker: Broker) -> None:
    """Where entries after its own are gone it is; where only its own and earlier ones are, it is not."""
    side = shelves(broker)
    ends = []
    for name in "abcd":
        await side.create(TENANT, [submission(name)])
        ends.append(await side.end_of_events(TENANT))
    broker.sync.xtrim(STREAM, maxlen=2, approximate=False)
    for after, whole in zip(["0-0", *ends], [False, False, True, True, True], strict=True):
        assert (await side.events(TENANT, after, 10))[1] == whole


async def test_a_stream_that_began_anew_is_not_taken_for_the_old_one(broker: Broker) -> None:
    """Who knows an entry of a stream that is gone has missed something; who knows none has not."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    end = await side.end_of_events(TENANT)
    broker.sync.delete(STREAM)
    assert await side.end_of_events(TENANT) == "0-0"
    assert await side.events(TENANT, "0-0", 10) == ([], True)
    assert await side.events(TENANT, end, 10) == ([], False)
    await side.create(TENANT, [submission("b")])
    assert (await side.events(TENANT, end, 10))[1] is False
    assert await told(broker) == [("b", "Q")]


async def test_of_a_quiet_stream_the_end_is_kept(broker: Broker) -> None:
    """While the tenant has jobs, a reader at the end misses nothing; without jobs nothing is kept."""
    side = shelves(broker)
    await side.create(TENANT, [submission("a")])
    await side.create(TENANT, [submission("b")])
    end = await side.end_of_events(TENANT)
    broker.sync.zadd(EVENTFUL, {TENANT.hex(): 1})
    await broker.sweeper().sweep("cpu")
    assert (broker.sync.xlen(STREAM), broker.sync.zcard(EVENTFUL)) == (1, 0)
    await side.delete(TENANT, ["a"])
    assert await told(broker, end) == [("a", "-")]
    await side.delete(TENANT, ["b"])
    broker.sync.zadd(EVENTFUL, {TENANT.hex(): 1})
    await broker.sweeper().sweep("cpu")
    assert broker.sync.exists(STREAM, EVENTFUL) == 0


async def test_gateways_hear_whose_jobs_changed(broker: Broker) -> None:
    """A message on the channel is the tenant's tag, whoever changed them."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    pipe = Pipe(broker.url)
    pipe.listen(lambda message: heard.put_nowait(message[2]))
    await pipe.open()
    await pipe.call("SUBSCRIBE", EVENTS_CHANNEL)
    side = shelves(broker)
    await side.create(TENANT, [submission("a", not_before_ms=10**13)])
    assert await heard.get() == TENANT
    await side.create(OTHER, [submission("b")])
    assert await heard.get() == OTHER
    _, taker = drain(broker)
    taker.take(1, ENGINE)
    assert await heard.get() == OTHER
    await side.cancel(TENANT, ["a"])
    assert await heard.get() == TENANT
    ring(broker.sync, TENANT, "a")
    await broker.sweeper().sweep("cpu")
    assert await heard.get() == TENANT
    pipe.close()
