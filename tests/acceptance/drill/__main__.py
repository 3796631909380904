"""`make drill`: real processes under load, to which harm is done again and again.

Prints a table of what was accepted, completed, lost and duplicated, and how long each fault was felt. Fails where that
is not what the service guarantees.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.drill import table
from tests.acceptance.drill.run import Report, run
from tests.acceptance.drill.scenarios import SCENARIOS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.acceptance.drill.scenario import Scenario

# Scenarios at a time, each with a system of its own.
AT_ONCE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the drill; 0 where every guarantee was kept."""
    names = ", ".join(scenario.name for scenario in SCENARIOS)
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.drill", description=__doc__)
    parser.add_argument("--times", type=int, default=50, help="events of each scenario (50)")
    parser.add_argument("--only", default="", help=f"scenarios, with commas between them: {names}")
    parser.add_argument("--quick", action="store_true", help="only those whose events take seconds")
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="of what is left to chance")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help=f"scenarios at a time ({AT_ONCE})")
    parser.add_argument("--json", type=Path, help="a file for the account in full")
    parser.add_argument("--keep", type=Path, help="a new folder for logs, which is left behind")
    chosen = parser.parse_args(arguments)
    print(f"seed {chosen.seed}", flush=True)
    scenarios = _chosen(parser, chosen.only, quick=chosen.quick)
    with tempfile.TemporaryDirectory(prefix="pullback-drill-") as folder:
        place = chosen.keep or Path(folder)
        for scenario in scenarios:
            place.joinpath(scenario.name).mkdir(parents=True)
        reports = asyncio.run(_run_all(scenarios, place, chosen))
    print("\n".join(table.lines(reports)))
    for report in reports:
        for row in report.rows:
            for example in row.ledger.wrong:
                print(f"{row.scenario}, {row.kind}: {example}")
    return int(any(report.broken for report in reports))


def _chosen(parser: argparse.ArgumentParser, only: str, *, quick: bool) -> list[Scenario]:
    if not only:
        return [scenario for scenario in SCENARIOS if scenario.quick or not quick]
    known = {scenario.name: scenario for scenario in SCENARIOS}
    if unknown := set(only.split(",")) - known.keys():
        parser.error(f"--only: {', '.join(sorted(unknown))}: no such scenario, but {', '.join(known)}")
    return [known[name] for name in only.split(",")]


async def _run_all(scenarios: list[Scenario], place: Path, chosen: argparse.Namespace) -> list[Report]:
    room = asyncio.Semaphore(chosen.at_once)
    done: list[Report] = []

    async def run_one(scenario: Scenario) -> Report:
        async with room:
            report = await run(scenario, place / scenario.name, chosen.times, chosen.seed)
        done.append(report)
        _tell(report)
        if chosen.json:
            _write(chosen.json, chosen.seed, done)
        return report

    return list(await asyncio.gather(*map(run_one, scenarios)))


def _tell(report: Report) -> None:
    busy = os.getloadavg()[0]
    print(f"{report.scenario.title}: {report.seconds:.0f} s, processes that want a core: {busy:.0f}")
    print("\n".join(table.lines([report])[2:]), flush=True)


def _write(file: Path, seed: int, reports: Sequence[Report]) -> None:
    rows = [row.as_json() for report in reports for row in report.rows]
    skipped = {report.scenario.name: report.skipped for report in reports if report.skipped}
    file.write_text(json.dumps({"seed": seed, "rows": rows, "skipped": skipped}, indent=1))


if __name__ == "__main__":
    sys.exit(main())
