"""Every place at which a process may die between two steps: before each script is sent, and after its reply."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.acceptance.drill.waiting import passes

from pullback.broker import scripts

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping
    from pathlib import Path

    from tests.acceptance.drill.moment import Moment
    from tests.acceptance.drill.stage import Stage

#: Which process runs each script. The sweeper is a part of the gateway.
ROLES: Mapping[str, tuple[str, ...]] = {
    scripts.ACCEPT: ("gateway",),
    scripts.ABANDON: ("gateway",),
    scripts.SWEEP: ("gateway",),
    scripts.QUARANTINE: ("gateway", "worker"),
    scripts.FINISH: ("worker",),
    scripts.JOIN: ("worker",),
    scripts.BEAT: ("worker",),
    scripts.LEAVE: ("worker",),
    scripts.SHARE: ("worker",),
    scripts.CRASH: ("worker",),
    scripts.CREATE: ("gateway",),
    scripts.CANCEL: ("gateway",),
    scripts.DELETE: ("gateway",),
    scripts.UPKEEP: ("gateway",),
    scripts.TAKE: ("worker",),
    scripts.SETTLE: ("worker",),
    scripts.PUT_BACK: ("worker",),
    scripts.NEXT_ATTEMPT: ("worker",),
}

MOMENTS = ("before", "after")

# A script's first or second run from then on.
MOST_RUNS = 2

# How long a point may take until it is reached, in seconds, and how often to look.
REACHED_SECONDS = 60.0
LOOK_SECONDS = 0.02


class Point(NamedTuple):
    """A place to die at."""

    role: str
    script: str
    moment: str

    def __str__(self) -> str:
        return f"{self.role} {self.moment} {self.script}"


POINTS = tuple(
    Point(role, script, moment) for script, roles in ROLES.items() for role in roles for moment in MOMENTS
)


class Unreached(Exception):
    """Nobody came to a point."""


class Points:
    """Harm: a process kills itself at one point after the other."""

    def __init__(self, points: tuple[Point, ...] = POINTS) -> None:
        self.points = points
        self._next: dict[Stage, int] = {}

    async def __call__(self, stage: Stage, chance: random.Random, moment: Moment) -> None:
        """Has a process kill itself at the next point."""
        number = self._next.get(stage, 0)
        self._next[stage] = number + 1
        point = self.points[number % len(self.points)]
        for part in (*stage.gateways, stage.worker):
            await part.ready()
        fired = _order(stage.folder, f"{' '.join(point)} {chance.randint(1, MOST_RUNS)}\n")
        for _ in range(round(REACHED_SECONDS / LOOK_SECONDS)):
            if fired.exists():
                moment.now()
                return
            await passes(LOOK_SECONDS)
        moment.now()
        raise Unreached(f"nobody came to {point}")


def _order(folder: Path, order: str) -> Path:
    """Gives the order, and the file that there is once it was followed."""
    fired, draft = folder / "fired", folder / "doom.new"
    fired.unlink(missing_ok=True)
    draft.write_text(order)
    draft.replace(folder / "doom")
    return fired
