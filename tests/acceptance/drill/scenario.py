"""What a scenario is: harm that is done to a system again and again, and what the service guarantees of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tests.acceptance.drill.stage import Layout, Stage

if TYPE_CHECKING:
    import asyncio
    import random
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.acceptance.drill.ledger import Ledger
    from tests.acceptance.drill.moment import Moment

#: Seconds within which a call that is made after a fault is answered, and what waited then too.
RECOVERY_SECONDS = 10.0


#: Does harm once. Its last argument is told the moment from which recovery counts: just before what happens at once,
#: and at the end of what lasts.
Harm = Callable[["Stage", "random.Random", "Moment"], Awaitable[None]]


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


class Load(Protocol):
    """Asks the system for something again and again, and keeps account of it."""

    kind: str
    ledger: Ledger

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until `stop` is set, and then until nothing is unanswered."""


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
        lasts_seconds: how long the harm lasts at most; 0 for what happens at once.
        events: how often the harm is done; 0 for as often as was asked for.
        more_loads: what runs in this scenario beside what runs in all.
    """

    name: str
    title: str
    harm: Harm
    stage: Callable[[Path], AbstractAsyncContextManager[Stage]] = plain
    guarantee: Guarantee = Guarantee()
    quick: bool = True
    lasts_seconds: float = 0.0
    events: int = 0
    more_loads: tuple[Callable[[str, str], Load], ...] = ()
