from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.integration.broker.conftest import job, succeed

from pullback.broker import CrashCounter, Pipe, Quarantine, ResultReader, look_at_quarantine, look_for_worker
from pullback.broker.quarantine import MOST_PROGRAMS, NEWS_SECONDS
from pullback.contract.errors import KernelFault
from pullback.contract.names import QUARANTINE, crashes_key, program_tag, tenant_tag

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

TENANT, OTHER = tenant_tag("one"), tenant_tag("another")
PROGRAM = "y = torch.linalg.eigvals(x)"
TAG = program_tag(TENANT, PROGRAM)
LIFE_SECONDS = 60.0


def refused(broker: Broker) -> Quarantine:
    """What a worker knows after a look."""
    quarantine = Quarantine()
    quarantine.learn(look_for_worker(broker.sync)())
    return quarantine


async def test_the_second_crash_puts_a_program_into_quarantine(broker: Broker) -> None:
    """One crash is remembered, two are enough; workers and gateways see the same, and for how long."""
    counter = CrashCounter(broker.line, LIFE_SECONDS)
    assert not counter.count(TAG, 1)
    assert not refused(broker)
    assert counter.count(TAG, 1)
    error = refused(broker).refusal(TENANT, PROGRAM)
    assert isinstance(error, KernelFault)
    assert 0 < int(error.metadata["quarantine_seconds"]) <= LIFE_SECONDS
    gateway = Quarantine()
    gateway.learn(await look_at_quarantine(broker.redis))
    assert isinstance(gateway.refusal(TENANT, PROGRAM), KernelFault)


async def test_a_quarantine_is_one_programs_of_one_tenant(broker: Broker) -> None:
    """The same text from another tenant is not refused, nor is another text."""
    CrashCounter(broker.line, LIFE_SECONDS).count(TAG, 2)
    quarantine = refused(broker)
    assert quarantine
    assert quarantine.refusal(OTHER, PROGRAM) is None
    assert quarantine.refusal(TENANT, f"{PROGRAM} ") is None


async def test_a_quarantine_ends(broker: Broker) -> None:
    """Crashes and quarantine have a time to live, and a look does not give what is over."""
    counter = CrashCounter(broker.line, LIFE_SECONDS)
    counter.count(TAG, 2)
    assert 0 < broker.sync.pttl(crashes_key(TAG)) <= LIFE_SECONDS * 1000
    assert 0 < broker.sync.pttl(QUARANTINE) <= LIFE_SECONDS * 1000
    broker.sync.zadd(QUARANTINE, {TAG: 1})
    assert not refused(broker)


async def test_the_list_stays_short(broker: Broker) -> None:
    """However many programs crash, the list holds the newest of them."""
    counter = CrashCounter(broker.line, LIFE_SECONDS)
    old = {program_tag(TENANT, str(number)): 1e15 + number for number in range(MOST_PROGRAMS)}
    broker.sync.zadd(QUARANTINE, old)
    last = program_tag(TENANT, "last")
    broker.sync.zadd(QUARANTINE, {last: 2e15})
    counter.count(TAG, 2)
    assert broker.sync.zcard(QUARANTINE) == MOST_PROGRAMS
    assert broker.sync.zscore(QUARANTINE, last) is not None


def test_a_process_knows_its_own_crashes_before_the_next_look() -> None:
    """What it put into quarantine it refuses at once, though a look that began before does not have it."""
    now = [100.0]
    quarantine = Quarantine(lambda: now[0])
    assert not quarantine
    quarantine.add(TAG, LIFE_SECONDS)
    quarantine.learn([])
    assert isinstance(quarantine.refusal(TENANT, PROGRAM), KernelFault)
    now[0] += NEWS_SECONDS
    assert quarantine.refusal(TENANT, PROGRAM) is None
    quarantine.learn([])
    assert not quarantine


async def test_gateways_hear_of_a_program_before_its_result(broker: Broker) -> None:
    """The news is on the connection of the results, so that whoever had the answer meets a gateway that knows."""
    broker.slot()
    await broker.accept(job(job_id="a"))
    drain = broker.drain()
    taken = drain.take(1, 100)
    heard: list[str] = []
    results: asyncio.Queue[str] = asyncio.Queue()
    quarantine = Quarantine()

    def news(message: bytes) -> None:
        quarantine.heard(message)
        heard.append("news")

    def deliver(job_id: str, _outcome: bytes) -> None:
        heard.append("result")
        results.put_nowait(job_id)

    pipe = Pipe(broker.url)
    reader = ResultReader(pipe, broker.redis, "gateway", deliver, list, news=news)
    tasks = [asyncio.create_task(work) for work in (pipe.keep(), reader.run())]
    await reader.connected.wait()
    CrashCounter(broker.line, LIFE_SECONDS).count(TAG, 2)
    drain.finish(succeed(taken))
    assert await results.get() == "a"
    assert heard == ["news", "result"]
    error = quarantine.refusal(TENANT, PROGRAM)
    assert error is not None
    assert 0 < int(error.metadata["quarantine_seconds"]) <= LIFE_SECONDS
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


@pytest.mark.parametrize(("left", "expected"), [(400, "1"), (59_400, "59")])
def test_a_refusal_says_how_long_it_lasts(left: int, expected: str) -> None:
    """Seconds, and never none while it is refused."""
    quarantine = Quarantine(lambda: 0.0)
    quarantine.learn([TAG, left])
    error = quarantine.refusal(TENANT, PROGRAM)
    assert error is not None
    assert error.metadata == {"quarantine_seconds": expected}
