"""The fault drill in short: each part is killed under load, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.acceptance.drill.points import POINTS, Points
from tests.acceptance.drill.run import run, run_on
from tests.acceptance.drill.scenario import Scenario, plain
from tests.acceptance.drill.scenarios import SCENARIOS, doomed

from pullback.broker.scripts import CREATE, SETTLE, TAKE

if TYPE_CHECKING:
    from pathlib import Path

TIMES = 1
SEED = 4

SHORT = [scenario for scenario in SCENARIOS if scenario.quick and scenario.stage is plain]


@pytest.mark.timeout(240)
async def test_nothing_is_lost_and_nothing_comes_twice_whatever_is_killed(tmp_path: Path) -> None:
    """Every load of every short scenario is answered, right and once; one system serves for all of them."""
    assert SHORT
    async with plain(tmp_path) as stage:
        for scenario in SHORT:
            for row in (await run_on(stage, scenario, TIMES, SEED)).rows:
                found = (row.scenario, row.kind, row.events, row.faults, row.ledger.wrong)
                assert found == (scenario.name, row.kind, TIMES, [], [])


@pytest.mark.timeout(240)
async def test_no_step_of_a_job_is_one_to_die_at(tmp_path: Path) -> None:
    """Killed before or after it creates, takes or finishes jobs, a process takes nothing along."""
    some = tuple(point for point in POINTS if point.script in {CREATE, TAKE, SETTLE})
    scenario = Scenario("some-points", "killed at some points", Points(some), stage=doomed, events=len(some))
    report = await run(scenario, tmp_path, 0, SEED)
    assert report.error == report.skipped == ""
    assert [(row.kind, row.events, row.faults) for row in report.rows] == [
        ("waited", 6, []),
        ("submitted", 6, []),
    ]
