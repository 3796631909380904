"""The primary is lost under load, in each of the ways in which Sentinels notice it."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.acceptance.load import QUARTIC, Tally, call, point, right
from tests.acceptance.test_devices import process
from tests.watched import WatchedRedis

from pullback.client import Client, JobFuture, evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.broker.embedded import Server

CALLS = 1_000
CALLERS = 20
JOBS = 600


class Stage(NamedTuple):
    """A running service on a Redis that Sentinels watch over."""

    watched: WatchedRedis
    address: str


@pytest.fixture(scope="module")
def stage(redis_binary: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Four Redis, of which tests lose one after another, three Sentinels, a gateway and a worker.

    The worker's drains leave at once when idle, so that wake-ups are needed all the time.
    """
    folder = tmp_path_factory.mktemp("watched")
    with ExitStack() as stack:
        watched = stack.enter_context(WatchedRedis(folder, redis_binary, replicas=3, sentinels=3))
        worker = {"slots": "2", "linger_seconds": "0.05"}
        ready = stack.enter_context(process("pullback.gateway", redis_url=watched.url, listen="127.0.0.1:0"))
        stack.enter_context(process("pullback.worker", redis_url=watched.url, **worker))
        yield Stage(watched, ready.split()[-1])


def lose(watched: WatchedRedis, way: str) -> None:
    """Kills or freezes the primary."""
    node = watched.primary()
    (node.kill if way == "kill" else node.freeze)()


@pytest.mark.parametrize("way", ["kill", "freeze"])
def test_no_call_is_lost_or_answered_twice(stage: Stage, way: str) -> None:
    """Callers that try again under the same id get every answer, right and once."""
    lost = stage.watched.primary()
    tally = Tally(CALLS, lambda: lose(stage.watched, way), CALLS // 3)
    asyncio.run(call(stage.address, tally, CALLERS))
    assert (tally.lost, tally.duplicated, tally.wrong) == (0, 0, [])
    stage.watched.wait_for_switch(lost)


def test_what_the_replicas_had_is_computed_after_the_primary_is_gone(stage: Stage) -> None:
    """Jobs that were submitted to the old primary, and had reached its replica, all succeed on the new one."""
    with Client(stage.address, retry_for=60) as client:
        wanted = [evaluation(QUARTIC, x=point(number)) for number in range(JOBS)]
        outcomes = dict(client.jobs.submit_many(wanted, batch=100))
        submitted = {number: each for number, each in outcomes.items() if isinstance(each, JobFuture)}
        assert len(submitted) == JOBS
        with stage.watched.primary().client(socket_timeout=None) as primary:
            # Replicas have all that was written before this.
            primary.set("mark", "")
            assert primary.wait(1, 0) == 1
        lose(stage.watched, "kill")
        done = {future.id: future for future in client.jobs.as_completed(submitted.values(), timeout=90)}
    assert len(done) == JOBS
    assert all(right(number, done[future.id].result(0)) for number, future in submitted.items())
