"""`make hostile`: ten thousand good evaluations with five hundred bad ones among them.

Prints what each kind of bad one costs in time, and fails where an answer was wrong or a process was started again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.hostile.run import ANSWERS, Drill
from tests.acceptance.system import System

if TYPE_CHECKING:
    from collections.abc import Sequence

UP = (sys.executable, str(Path(__file__).with_name("up.py")))


def main() -> int:
    """Runs the drill; 0 where all went right."""
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance.hostile", description=__doc__)
    parser.add_argument("--good", type=int, default=10_000, help="good evaluations (10,000)")
    parser.add_argument("--bad", type=int, default=500, help="bad ones, of all kinds in turn (500)")
    parser.add_argument("--each", type=int, default=40, help="bad ones in the run of each kind alone (40)")
    parser.add_argument("--workers", type=int, default=2, help="slots (2)")
    arguments = parser.parse_args()
    kinds = list(ANSWERS)
    mixed = [kinds[number % len(kinds)] for number in range(arguments.bad)]
    with (
        tempfile.TemporaryDirectory(prefix="pullback-hostile-") as folder,
        System(Path(folder), workers=arguments.workers, command=UP) as system,
    ):
        before = pids(system)
        _run(system, Drill(arguments.good // 10, []))
        plain = _run(system, Drill(arguments.good, [], seed=1))
        print(f"{arguments.good:,} good ones alone: {plain.seconds:.2f} s")
        drill = _run(system, Drill(arguments.good, mixed, seed=2))
        lost = 1_000 * (drill.seconds - plain.seconds) / len(mixed)
        print(f"with {len(mixed)} bad ones: {drill.seconds:.2f} s; lost for each bad one: {lost:.0f} ms")
        for answer, count in sorted(drill.answers.items()):
            print(f"  {answer}: {count:,}")
        wrong = drill.wrong + plain.wrong
        for number, kind in enumerate(kinds, start=3):
            alone = _run(system, Drill(arguments.good, [kind] * arguments.each, seed=number))
            lost = 1_000 * (alone.seconds - plain.seconds) / arguments.each
            print(f"{arguments.each} of {kind}: lost for each {lost:.0f} ms")
            wrong += alone.wrong
        same = pids(system) == before
    print(f"wrong answers: {len(wrong)} {wrong[:5] or ''}")
    print(f"gateway and worker {'never started again' if same else 'WERE STARTED AGAIN'}")
    return int(bool(wrong) or not same)


def pids(system: System) -> Sequence[int]:
    """Gives the process ids of the gateway, the worker and its children."""
    children = sorted(child.pid for child in system.worker_children())
    return [system.gateway().pid, system.worker().pid, *children]


def _run(system: System, drill: Drill) -> Drill:
    asyncio.run(drill.run(system.address))
    return drill


if __name__ == "__main__":
    sys.exit(main())
