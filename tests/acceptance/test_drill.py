"""The fault drill in short: each part is killed under load, once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.acceptance.drill.run import run_on
from tests.acceptance.drill.scenario import plain
from tests.acceptance.drill.scenarios import SCENARIOS

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
                assert (row.scenario, row.kind, row.events, row.faults) == (
                    scenario.name,
                    row.kind,
                    TIMES,
                    [],
                )
