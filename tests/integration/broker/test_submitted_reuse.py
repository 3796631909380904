from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.broker.shelves import ENGINE, OTHER, TENANT, drain, shelves, submission, succeeded

from pullback.broker import Ended
from pullback.contract.lifecycle import Event, State

if TYPE_CHECKING:
    from tests.integration.broker.conftest import Broker

    from pullback.broker import ShelfDrain

SAME = b"the same, always"


def work(taker: ShelfDrain, outcome: bytes, engine: str = ENGINE) -> list[str]:
    """Takes jobs and finishes them; gives the ids of those that had to be computed."""
    held = taker.take(10, engine)
    taker.finish(succeeded(held, outcome), engine)
    return [job.job_id for job in held]


async def test_an_identical_job_is_answered_from_the_stored_result(broker: Broker) -> None:
    """It succeeds without an attempt, with the same outcome, and says whose it is."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("a", reuse=SAME)])
    assert work(taker, b"first") == ["a"]
    await side.create(TENANT, [submission("b", reuse=SAME)])
    assert work(taker, b"second") == []
    first, second = await side.get(TENANT, ["a", "b"], outcome=True)
    assert first
    assert second
    assert (first.reused, first.reused_from) == ("M", "")
    assert (second.state, second.reused, second.reused_from) == (State.SUCCEEDED, "H", "a")
    assert (second.outcome, second.attempts) == (b"first", ())
    assert second.finished_ms >= second.created_ms


@pytest.mark.parametrize("what", ["tenant", "class", "engine", "digest", "leave"])
async def test_a_result_is_reused_for_what_is_identical_alone(broker: Broker, what: str) -> None:
    """Another tenant, class, engine or digest, or a job that does not allow it, is computed."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("a", device=1, reuse=SAME)])
    work(taker, b"first")
    other = submission(
        "b",
        device=2 if what == "class" else 1,
        reuse={"leave": b"", "digest": b"another digest.."}.get(what, SAME),
    )
    await side.create(OTHER if what == "tenant" else TENANT, [other])
    if what == "class":
        _, taker = drain(broker, "cuda")
    assert work(taker, b"second", "2.0" if what == "engine" else ENGINE) == ["b"]


async def test_a_failure_is_not_reused(broker: Broker) -> None:
    """Only successes are stored."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("a", reuse=SAME)])
    taker.finish([Ended(job, Event.FAIL, b"error", 0.0) for job in taker.take(1, ENGINE)], ENGINE)
    await side.create(TENANT, [submission("b", reuse=SAME)])
    assert work(taker, b"second") == ["b"]


async def test_the_result_of_a_job_that_was_deleted_is_not_reused(broker: Broker) -> None:
    """Not even where another job has its id by now."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("a", reuse=SAME)])
    work(taker, b"first")
    await side.delete(TENANT, ["a"])
    await side.create(TENANT, [submission("a", digest=b"x" * 16)])
    work(taker, b"of another evaluation")
    await side.create(TENANT, [submission("b", reuse=SAME)])
    assert work(taker, b"second") == ["b"]


async def test_hits_do_not_hold_up_a_tenant_that_waits(broker: Broker) -> None:
    """A take looks at so many jobs and no more, and a hit is charged a little."""
    side = shelves(broker)
    _, taker = drain(broker)
    await side.create(TENANT, [submission("a", reuse=SAME)])
    work(taker, b"first")
    await side.create(TENANT, [submission(reuse=SAME) for _ in range(1_000)])
    await side.create(OTHER, [submission("other")])
    assert work(taker, b"") == ["other"]
