"""`pullback up` with other commands as gateway and worker: up_with_stand_ins.py DATA_DIR FOLDER GATEWAY WORKER.

GATEWAY and WORKER are habits of `stand_in.py`, or empty.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pullback.cli.up.stack import Commands, run

STAND_IN = str(Path(__file__).with_name("stand_in.py"))


def _main(data_dir: str, folder: str, gateway: str, worker: str) -> int:
    commands = Commands(
        gateway=(sys.executable, STAND_IN, "gateway", folder, gateway),
        worker=(sys.executable, STAND_IN, "worker", folder, worker),
    )
    return run(0, Path(data_dir), 2, commands)


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
