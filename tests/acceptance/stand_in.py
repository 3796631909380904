"""A process that stands in for a gateway or a worker: quick to start, and as ill-behaved as a test wants.

Usage: stand_in.py ROLE FOLDER [HABIT]

It writes its settings and process id to FOLDER/ROLE.json, prints the ready line, and waits for SIGTERM; then it adds
its role to FOLDER/stopped. HABIT is one of: deaf (to SIGTERM), broken (dies before it is ready), frail (dies right
after it was ready).
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path


def _main(role: str, folder: Path, habit: str = "") -> None:
    # Blocked and waited for below: no moment is too early for it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    if habit == "broken":
        sys.exit(f"the {role} is broken")
    settings = {name: value for name, value in os.environ.items() if name.startswith("PULLBACK_")}
    draft = folder / f"{role}.{os.getpid()}"
    draft.write_text(json.dumps({"pid": os.getpid(), **settings}))
    draft.rename(folder / f"{role}.json")
    sys.stderr.write(f"hello from the {role}\n")
    sys.stdout.write(f"pullback {role} ready: {settings.get('PULLBACK_LISTEN', 'stand-in on cpu')}\n")
    sys.stdout.flush()
    if habit == "frail":
        sys.exit(f"the {role} is frail")
    if habit == "deaf":
        signal.pause()
    signal.sigwait({signal.SIGTERM})
    with (folder / "stopped").open("a") as stopped:
        stopped.write(f"{role}\n")


if __name__ == "__main__":
    _main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
