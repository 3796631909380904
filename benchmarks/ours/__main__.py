"""Measures rows against a running system; prints one line of JSON a row."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import time

from benchmarks.ours import ROWS, processors

# Seconds before the clock starts: connections, a warm lane, the service's own caches.
WARM_UP = 0.4


def main() -> None:
    """Measures the rows named on the command line, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ours", description=__doc__)
    parser.add_argument("address", help="host:port of a gateway")
    parser.add_argument("rows", nargs="+", choices=ROWS, metavar="row", help=", ".join(ROWS))
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a measurement")
    arguments = parser.parse_args()
    for row in arguments.rows:
        measure(row, arguments.address, arguments.seconds)


def measure(row: str, address: str, seconds: float) -> None:
    """Warms up, measures one row, and prints its figure with the processor time of every role."""
    asyncio.run(ROWS[row](address, min(WARM_UP, seconds)))
    service = processors.of_service(address)
    before, client = processors.seconds_by_role(service), time.process_time()
    figure = asyncio.run(ROWS[row](address, seconds))
    client, after = time.process_time() - client, processors.seconds_by_role(service)
    spent = {"client": client} | {role: after[role] - before.get(role, 0.0) for role in sorted(after)}
    # What the load of the health row spends has nothing to do with the number of checks.
    spent = {} if row == "health" else spent
    cpu_us = {role: 1e6 * second / figure.calls for role, second in spent.items()}
    print(dataclasses.replace(figure, cpu_us=cpu_us).line(), flush=True)


if __name__ == "__main__":
    main()
