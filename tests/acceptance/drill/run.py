"""Runs one scenario: a load throughout, harm again and again, and an account of it all."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError
from tests.acceptance.drill.moment import Moment
from tests.acceptance.drill.points import Unreached
from tests.acceptance.drill.scenario import Skip
from tests.acceptance.drill.submitted import Submitted
from tests.acceptance.drill.waited import Waited

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.acceptance.drill.ledger import Ledger
    from tests.acceptance.drill.scenario import Load, Scenario
    from tests.acceptance.drill.stage import Stage

# The loads, each of which runs in every scenario.
LOADS: tuple[Callable[[str, str], Load], ...] = (Waited, Submitted)

# Answers between two events, so that each meets the system at another moment.
FEWEST_BETWEEN, MOST_BETWEEN = 20, 150

# How long the system may take to get over an event before the scenario is given up, in seconds.
GIVE_UP_SECONDS = 90.0


@dataclass
class Row:
    """What came of one load in one scenario.

    Attributes:
        scenario: its name.
        kind: the load's.
        events: how often harm was done.
        ledger: the account.
        recoveries: for each event the seconds until a call made after it was answered.
        waits: for each event the seconds until the last of what waited at the time was answered.
        faults: what broke the guarantee.
        slow: what took longer than is guaranteed; "" for nothing.
    """

    scenario: str
    kind: str
    ledger: Ledger
    events: int = 0
    recoveries: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    slow: str = ""

    def as_json(self) -> dict[str, Any]:
        """Gives it for machines."""
        ledger = self.ledger
        return {
            "scenario": self.scenario,
            "load": self.kind,
            "events": self.events,
            "accepted": ledger.accepted,
            "completed": ledger.completed,
            "lost": ledger.lost,
            "duplicated": ledger.duplicated,
            "wrong": ledger.wrong_count,
            "examples": ledger.wrong,
            "slowest": round(ledger.slowest, 3),
            "recoveries": [round(each, 3) for each in self.recoveries],
            "waits": [round(each, 3) for each in self.waits],
            "faults": self.faults,
            "slow": self.slow,
        }


@dataclass
class Report:
    """What came of a scenario.

    Attributes:
        skipped: why there was nothing; "" where it ran.
        error: why it could not go on; "" where it did.
    """

    scenario: Scenario
    rows: list[Row] = field(default_factory=list)
    skipped: str = ""
    error: str = ""
    seconds: float = 0.0

    @property
    def broken(self) -> bool:
        """Whether a guarantee was."""
        return bool(self.error) or any(row.faults or row.slow for row in self.rows)


async def run(scenario: Scenario, folder: Path, times: int, seed: int) -> Report:
    """Runs a scenario on a system of its own, whose files lie in `folder`."""
    report, begun = Report(scenario), time.monotonic()
    try:
        async with scenario.stage(folder) as stage:
            report = await run_on(stage, scenario, times, seed)
    except Skip as reason:
        report.skipped = str(reason)
    except (AssertionError, OSError, RedisError) as error:
        report.error = f"{type(error).__name__}: {error}"
    report.seconds = time.monotonic() - begun
    return report


async def run_on(stage: Stage, scenario: Scenario, times: int, seed: int) -> Report:
    """Runs a scenario on a system that is there."""
    report = Report(scenario)
    chance = random.Random(f"{seed} {scenario.name}")  # noqa: S311 - no secret
    name = f"{scenario.name}-{chance.getrandbits(40):x}"
    kinds = (*LOADS, *scenario.more_loads)
    loads = [kind(stage.address, f"{name}-{number}") for number, kind in enumerate(kinds)]
    report.rows = [Row(scenario.name, load.kind, load.ledger) for load in loads]
    stop = asyncio.Event()
    sending = [asyncio.create_task(load.run(stop)) for load in loads]
    planned = scenario.events or times
    try:
        for _ in range(planned):
            if not await _event(scenario, stage, chance, report.rows) or any(task.done() for task in sending):
                break
    finally:
        stop.set()
        _, late = await asyncio.wait(sending, timeout=GIVE_UP_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.wait(sending)
    for row, task in zip(report.rows, sending, strict=True):
        if not task.cancelled() and (error := task.exception()):
            row.faults.append(f"the load broke: {_leaf(error)!r}")
        if row.events < planned:
            row.faults.append(f"event {row.events} of {planned} was not got over")
        _judge(row, scenario)
    return report


async def _event(scenario: Scenario, stage: Stage, chance: random.Random, rows: list[Row]) -> bool:
    """Does harm once; False where the system did not get over it."""
    # Of the loads that run everywhere: the others have their own pace, and some of what they ask for takes long.
    ledgers = [row.ledger for row in rows[: len(LOADS)]]
    between = chance.randint(FEWEST_BETWEEN, MOST_BETWEEN)
    await _all(*(ledger.answers(between) for ledger in ledgers))
    moment = Moment(ledgers)
    try:
        async with asyncio.timeout(GIVE_UP_SECONDS):
            await scenario.harm(stage, chance, moment)
    except Unreached as error:
        rows[0].faults.append(str(error))
    except TimeoutError:
        rows[0].faults.append(f"no harm could be done in {GIVE_UP_SECONDS:.0f} s")
        return False
    await _all(*(mark.over.wait() for mark in moment.marks))
    for row in rows:
        row.events += 1
    for row, ledger, mark in zip(rows, ledgers, moment.marks, strict=False):
        row.recoveries.append(GIVE_UP_SECONDS if mark.first is None else mark.first)
        row.waits.append(GIVE_UP_SECONDS if mark.longest is None else mark.longest)
        ledger.forget(mark)
    return all(mark.over.is_set() for mark in moment.marks)


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


async def _all(*events: Any) -> None:
    tasks = [asyncio.ensure_future(event) for event in events]
    _, late = await asyncio.wait(tasks, timeout=GIVE_UP_SECONDS)
    for task in late:
        task.cancel()


def _judge(row: Row, scenario: Scenario) -> None:
    guarantee, ledger = scenario.guarantee, row.ledger
    if ledger.lost and not guarantee.may_lose:
        row.faults.append(f"{ledger.lost} lost")
    if ledger.duplicated and not guarantee.may_repeat:
        row.faults.append(f"{ledger.duplicated} duplicated")
    if ledger.wrong_count:
        row.faults.append(f"{ledger.wrong_count} wrong")
    slowest = max([*row.recoveries, *row.waits], default=0.0)
    if slowest > guarantee.recovery_seconds:
        row.slow = f"recovery took {slowest:.1f} s"
    elif row.recoveries and ledger.slowest > scenario.lasts_seconds + guarantee.recovery_seconds:
        row.slow = f"an answer took {ledger.slowest:.1f} s"
