"""`pullback up` as ever, with the worker of `worker.py`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pullback.cli.up.stack import Commands, run


def _main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    # The last word is for whoever looks for the worker among the processes.
    worker = (sys.executable, "-P", str(Path(__file__).with_name("worker.py")), "pullback.worker")
    return run(arguments.port, arguments.data_dir, arguments.workers, Commands(worker=worker))


if __name__ == "__main__":
    sys.exit(_main())
