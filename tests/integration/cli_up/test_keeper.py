from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

from pullback.cli.up.keeper import Keeper
from pullback.cli.up.part import Part

if TYPE_CHECKING:
    from pathlib import Path

# Prints that it is ready, and waits for a signal.
_GOOD = "import signal; print('ready', flush=True); signal.pause()"

# The same, deaf to polite requests.
_DEAF = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); signal.pause()"
)

# Ready at once the first time, and dead before it is ready at all later times.
_READY_ONCE = """
import sys
from pathlib import Path
mark = Path(sys.argv[1])
if mark.exists():
    sys.exit("no more")
mark.touch()
print("ready", flush=True)
"""


def _part(program: str, *arguments: str, ready_seconds: float = 30.0, stop_seconds: float = 30.0) -> Part:
    return Part(
        name="part",
        command=(sys.executable, "-c", program, *arguments),
        environment=dict(os.environ),
        ready=re.compile("ready"),
        ready_seconds=ready_seconds,
        stop_seconds=stop_seconds,
    )


async def _stop_when_ready(part: Part, hurry: asyncio.Event) -> list[str]:
    said: list[str] = []
    keeper = Keeper(part, said.append)
    running = asyncio.create_task(keeper.run())
    await keeper.was_ready.wait()
    running.cancel()
    await keeper.stop(hurry)
    return said


async def test_a_part_that_is_not_ready_in_time_is_given_up() -> None:
    """The user is told how long was waited, and the process does not live on."""
    keeper = Keeper(_part("import signal; signal.pause()", ready_seconds=0.1), print)
    assert (await keeper.run()).startswith("part was not ready within 0.1 s.")
    assert keeper._child is not None
    assert keeper._child.ended.result() == -9


async def test_a_part_that_dies_before_it_was_ever_ready_is_not_tried_again() -> None:
    """What is set up wrongly is said at once, with the last that the part said."""
    said: list[str] = []
    failure = await Keeper(_part("import sys; sys.exit('no such device')"), said.append).run()
    assert (
        failure == "part died before it was ready (exit status 1). The last that it said:\n    no such device"
    )
    assert said == ["part | no such device"]


async def test_a_part_that_keeps_dying_is_given_up_after_five_deaths(tmp_path: Path) -> None:
    """Each new start is announced with its wait; after the fifth death there is none."""
    said: list[str] = []
    failure = await Keeper(_part(_READY_ONCE, str(tmp_path / "mark")), said.append).run()
    waits = [line.rpartition(" in ")[2] for line in said if "starting it again" in line]
    assert waits == ["0.2 s", "0.4 s", "0.8 s", "1.6 s"]
    assert failure.endswith("The last that it said:\n    no more")


async def test_a_deaf_part_is_killed_when_its_time_is_up() -> None:
    """A part that ignores SIGTERM does not keep the user waiting for ever."""
    said = await _stop_when_ready(_part(_DEAF, stop_seconds=0.1), asyncio.Event())
    assert said[1:] == ["part is killed, for it did not end within 0.1 s", "part is stopped"]


async def test_in_a_hurry_a_part_is_killed_at_once() -> None:
    """The second request to stop does not wait for the grace to end."""
    hurry = asyncio.Event()
    hurry.set()
    assert (await _stop_when_ready(_part(_DEAF), hurry))[1:] == ["part is killed", "part is stopped"]


async def test_a_part_that_ends_when_asked_is_not_killed() -> None:
    """A clean stop says so, and nothing else."""
    assert (await _stop_when_ready(_part(_GOOD), asyncio.Event()))[1:] == ["part is stopped"]


async def test_a_keeper_that_never_ran_stops_silently() -> None:
    """A stop in the middle of a start has nothing to say about parts that were not reached."""
    said: list[str] = []
    await Keeper(_part(_GOOD), said.append).stop(asyncio.Event())
    assert said == []
