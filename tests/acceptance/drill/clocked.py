"""A gateway or a worker as ever, whose time of day is off by the seconds that a file says.

Usage: clocked.py ROLE FILE. Redis has libfaketime for that; under it Python's `time.sleep` fails after a change.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def _patch(file: Path) -> None:
    true_time, true_time_ns = time.time, time.time_ns

    def offset() -> float:
        return float(file.read_text())

    time.time = lambda: true_time() + offset()
    time.time_ns = lambda: true_time_ns() + round(offset() * 1e9)


def _main(role: str, file: str) -> int:
    # Before any of these is imported: each may keep the function under a name of its own.
    _patch(Path(file))
    if role == "gateway":
        from pullback.gateway.__main__ import main as gateway  # noqa: PLC0415 - see above

        return gateway()
    from pullback.worker.__main__ import main as worker  # noqa: PLC0415 - see above

    return worker()


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:3]))
