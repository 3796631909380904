"""A process that collects rows into a file, one at a time, until it is killed or has them all."""

from __future__ import annotations

import sys

from tests.unit.cli.results.samples import records

from pullback.cli.results import open_results


def main(path: str, count: int) -> None:
    """Collects, and says so after each row."""
    file = open_results(path)
    for index in range(count):
        file.add(records([index]))
        print(index, flush=True)  # noqa: T201 - the test waits for it
    file.finish()
    file.close()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
