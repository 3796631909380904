"""The moment of an event, from which what follows is measured."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, final

from tests.acceptance.drill.waiting import first_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.acceptance.drill.ledger import Ledger, Mark

# How long to wait until every load has something under way, in seconds.
PATIENCE_SECONDS = 20.0


@final
class Moment:
    """Marks the moment in every load's ledger, when the harm says so.

    Attributes:
        marks: one for each ledger, once it has come.
    """

    def __init__(self, ledgers: Sequence[Ledger]) -> None:
        self._ledgers = ledgers
        self.marks: list[Mark] = []

    def now(self) -> None:
        """It is now: what was done lasted, and is about to end, or happened just before."""
        self.marks = [ledger.mark() for ledger in self._ledgers]

    async def under_way(self) -> None:
        """Waits until every load has something under way, which is to be met; then it is now."""
        await first_of(self._all_busy(), seconds=PATIENCE_SECONDS)
        self.now()

    async def _all_busy(self) -> None:
        while not all(ledger.is_busy for ledger in self._ledgers):
            sent = [asyncio.ensure_future(ledger.busy()) for ledger in self._ledgers]
            await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
            for task in sent:
                task.cancel()
