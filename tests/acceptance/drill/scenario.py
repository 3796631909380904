"""What a scenario is: harm that is done to a system again and again, and what the service guarantees of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.acceptance.drill.stage import Layout, Stage

if TYPE_CHECKING:
    import random
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

#: Seconds within which a call that is made after a fault is answered, and what waited then too.
RECOVERY_SECONDS = 10.0


#: Does harm once, and calls its last argument at the moment from which recovery counts: just before what happens at
#: once, and at the end of what lasts.
Harm = Callable[["Stage", "random.Random", Callable[[], None]], Awaitable[None]]


@dataclass(frozen=True)
class Guarantee:
    """What the service says that a fault may do.

    Attributes:
        may_lose: whether what was accepted may be lost. The table then says how much was.
        may_repeat: whether a terminal state may be given twice.
        recovery_seconds: how long until all is as before.
        words: it, for people.
    """

    may_lose: bool = False
    may_repeat: bool = False
    recovery_seconds: float = RECOVERY_SECONDS
    words: str = "nothing lost, nothing twice"


class Skip(Exception):
    """This machine does not allow what the scenario needs; the text says what."""


def plain(folder: Path) -> AbstractAsyncContextManager[Stage]:
    """Makes the system that most scenarios are about: one of each part."""
    return Stage(folder, Layout())


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: for `--only`.
        title: for people.
        harm: what is done.
        stage: makes the system that it is done to; raises `Skip`.
        guarantee: what may come of it.
        quick: whether it takes a few seconds, so that a short drill includes it.
    """

    name: str
    title: str
    harm: Harm
    stage: Callable[[Path], AbstractAsyncContextManager[Stage]] = plain
    guarantee: Guarantee = Guarantee()
    quick: bool = True
