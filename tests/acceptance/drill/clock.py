"""Clocks that are set, forward and back: that of Redis, those of the other processes, or all of them together."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tests.acceptance.drill.scenario import Skip
from tests.acceptance.drill.stage import Layout, Site, Stage
from tests.acceptance.drill.waiting import passes

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator

    from tests.acceptance.drill.moment import Moment

# Where distributions put libfaketime's variant for programs with threads.
_LIBRARIES = (
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
)

# How far a clock is off at most, in seconds: further would be further than the time limit of an evaluation, which may
# end it.
FARTHEST_SECONDS = 120.0

# How long it is watched what comes of it, in seconds.
LONGEST_SECONDS = 10.0

# Whose clocks may be set.
_REDIS, _OTHERS = "clock-redis", "clock-others"

_CLOCKED = Path(__file__).with_name("clocked.py")


@asynccontextmanager
async def settable_clock(folder: Path) -> AsyncIterator[Stage]:
    """Makes a system whose clocks can be set."""
    library = _library()
    for name in (_REDIS, _OTHERS):
        _set(folder, name, 0.0)

    def command(role: str) -> tuple[str, ...]:
        # The last word is for whoever looks for the worker among the processes.
        return (sys.executable, "-P", str(_CLOCKED), role, str(folder / _OTHERS), f"pullback.{role}")

    redis = Site(
        environment={
            "LD_PRELOAD": library,
            "FAKETIME_TIMESTAMP_FILE": str(folder / _REDIS),
            "FAKETIME_NO_CACHE": "1",
            # Setting a clock moves the time of day alone.
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
    )
    layout = Layout(redis=redis, gateway_command=command("gateway"), worker_command=command("worker"))
    async with Stage(folder, layout) as stage:
        yield stage


async def set_clock(stage: Stage, chance: random.Random, moment: Moment) -> None:
    """Sets clocks, by a little or a lot, forward or back."""
    far = chance.choice([1.0, 0.1, 0.02]) * FARTHEST_SECONDS
    offset = chance.uniform(-far, far)
    await moment.under_way()
    for name in chance.choice([(_REDIS,), (_OTHERS,), (_REDIS, _OTHERS)]):
        _set(stage.folder, name, offset)
    # Some of what it does to others shows only when what they wait for should be over.
    await passes(chance.uniform(0, LONGEST_SECONDS))


def _library() -> str:
    for path in _LIBRARIES:
        if Path(path).exists():
            return path
    raise Skip("there is no libfaketime: install it (Debian: libfaketime)")


def _set(folder: Path, name: str, offset: float) -> None:
    draft = folder / f"{name}.new"
    draft.write_text(f"{offset:+.3f}\n")
    draft.replace(folder / name)
