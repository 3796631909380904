"""Measures Pullback and its peers in turn, and prints figures with their ratios."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import participants, report
from benchmarks.ours import ROWS
from benchmarks.processes import FailedError, drive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Figure
    from benchmarks.participants import Command

# Seconds that a driver may take beyond what it measures: imports, a warm-up, the last answers.
SLACK = 60.0

# Length of one measurement of a quick run.
QUICK_SECONDS = 0.6


def main() -> int:
    """Runs the benchmark; 0 unless something failed or an answer was wrong, whatever the ratios."""
    arguments = _parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    try:
        busy = report.busy_percent()
        rounds = _run(arguments)
    except FailedError as error:
        print(error, file=sys.stderr)
        return 1
    _print(report.machine(busy), report.medians(rounds), arguments.json)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round, without the SDK's rows")
    parser.add_argument("--rounds", type=int, help="how often every row is measured (3)")
    parser.add_argument("--seconds", type=float, help="length of one measurement (2)")
    cores = len(os.sched_getaffinity(0))
    parser.add_argument(
        "--workers",
        type=int,
        default=cores,
        help=f"slots of the system that is started (one a core: {cores})",
    )
    parser.add_argument("--address", help="measure this running system; without peers, unless --peers")
    parser.add_argument("--only", help=f"comma-separated rows of ours: {','.join(ROWS)}")
    parser.add_argument(
        "--peers", action=argparse.BooleanOptionalAction, help="whether to measure peers as well"
    )
    parser.add_argument(
        "--compute", choices=("torch", "closed"), default="torch", help="what the peers' servers compute"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there as well")
    arguments = parser.parse_args()
    arguments.rounds = arguments.rounds or (1 if arguments.quick else 3)
    arguments.seconds = arguments.seconds or (QUICK_SECONDS if arguments.quick else 2.0)
    rows = [row for row in ROWS if not (arguments.quick and row.startswith("sdk_"))]
    arguments.only = arguments.only.split(",") if arguments.only else rows
    if arguments.peers is None:
        arguments.peers = arguments.address is None
    if unknown := set(arguments.only) - set(ROWS):
        parser.error(f"--only: no row {', '.join(sorted(unknown))}")
    return arguments


def _run(arguments: argparse.Namespace) -> Mapping[str, Sequence[Figure]]:
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pullback-bench-")))
        drivers: dict[str, Command] = {}
        if arguments.peers:
            drivers |= stack.enter_context(participants.peers(scratch, arguments.compute))
        address = arguments.address or stack.enter_context(participants.pullback(scratch, arguments.workers))
        drivers |= participants.ours(address, arguments.only)
        return _measure(drivers, arguments.rounds, arguments.seconds)


def _measure(drivers: Mapping[str, Command], rounds: int, seconds: float) -> Mapping[str, Sequence[Figure]]:
    """Measures every row once, then all of them again, so that a drift of the machine hits all alike."""
    figures: dict[str, list[Figure]] = {row: [] for row in drivers}
    for number in range(rounds):
        for row, command in drivers.items():
            figures[row].append(drive(command(seconds), seconds + SLACK))
            print(f"round {number + 1}: {row} {figures[row][-1].rate:,.0f} per second", file=sys.stderr)
    return figures


def _print(
    machine: Mapping[str, object], rows: Mapping[str, Mapping[str, float]], json_file: Path | None
) -> None:
    ratios = report.ratios(rows)
    print(f"\n{report.machine_text(machine)}\n\n{report.rows_text(rows)}\n")
    print("\n".join(filter(None, (report.ratios_text(ratios) if ratios else "", report.health_text(rows)))))
    if json_file:
        json_file.write_text(
            json.dumps({"machine": machine, "rows": rows, "ratios": ratios}, indent=2) + "\n"
        )


if __name__ == "__main__":
    sys.exit(main())
