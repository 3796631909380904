"""SIGKILL under load: nothing that was accepted is lost, and nobody is answered twice."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.load import Tally, call, stream
from tests.acceptance.system import System

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = 3_000
CALLERS = 50
STREAMED = 20_000


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system of this module's own, whose parts are killed and started again."""
    with System(tmp_path_factory.mktemp("victim"), workers=2) as running:
        yield running


def kill_template(system: System) -> None:
    """Kills the process that evaluators are forked from; the kernel takes them along."""
    system.template().send_signal(signal.SIGKILL)


def kill_worker_child(system: System) -> None:
    """Kills the busiest of the worker's children."""
    busiest = max(system.worker_children(), key=lambda child: sum(child.cpu_times()[:2]))
    busiest.send_signal(signal.SIGKILL)


def kill_worker(system: System) -> None:
    """Kills the worker's main process; the kernel takes its children along."""
    system.worker().send_signal(signal.SIGKILL)


def kill_gateway(system: System) -> None:
    """Kills the gateway, and with it every connection."""
    system.gateway().send_signal(signal.SIGKILL)


def kill_evaluator(system: System) -> None:
    """Kills every evaluator; their template forks new ones."""
    evaluators = system.evaluators()
    assert evaluators
    for process in evaluators:
        process.send_signal(signal.SIGKILL)


def kill_redis(system: System) -> None:
    """Kills Redis; its append-only file has what it accepted."""
    (server,) = system.processes("-server ")
    server.send_signal(signal.SIGKILL)


KILLS = [kill_evaluator, kill_template, kill_worker_child, kill_worker, kill_gateway, kill_redis]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kill", KILLS)
def test_calls_survive(victim: System, kill: object) -> None:
    """Fifty callers get every answer, right and once, though a part is killed in the middle."""
    tally = Tally(CALLS, lambda: kill(victim), CALLS // 3)  # type: ignore[operator]
    asyncio.run(call(victim.address, tally, CALLERS))
    assert (tally.lost, tally.duplicated, tally.wrong) == (0, 0, [])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kill", KILLS)
def test_a_stream_survives(victim: System, kill: object) -> None:
    """A stream gives every outcome, right and once, though a part is killed in the middle."""
    tally = Tally(STREAMED, lambda: kill(victim), STREAMED // 3)  # type: ignore[operator]
    asyncio.run(stream(victim.address, tally))
    assert (tally.lost, tally.duplicated, tally.wrong) == (0, 0, [])
