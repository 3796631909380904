"""The load of what is rare: calls that are given up, programs that crash or hang, evaluations that take long."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, final

from tests.acceptance.drill.cases import LIMIT_SECONDS, case, fault_of
from tests.acceptance.drill.ledger import Ledger
from tests.acceptance.drill.waiting import first_of, passes
from tests.acceptance.load import QUARTIC

from pullback.client import AsyncClient, KernelFault, PullbackError, evaluation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# Seconds between two rounds of errands.
PERIOD = 6.0

# How long callers go on trying, in seconds.
RETRY_SECONDS = 120.0

# So many evaluations of some ten milliseconds each fill an entry of a lane: a drain puts most of them back.
HEAVY = 16
HEAVY_PROGRAM = (
    "m = torch.ones(384, 384)\nfor i in range(8):\n    m = (m @ m) / 384\n" + QUARTIC + " + 0 * m.sum()"
)

# A caller gives up so soon, in seconds.
GIVE_UP_SECONDS = 0.3


@final
class Errands:
    """Does one thing of each kind in each round, and counts what is answered."""

    kind = "errands"

    def __init__(self, address: str, name: str) -> None:
        self.ledger = Ledger()
        self._address = address
        self._name = name

    async def run(self, stop: asyncio.Event) -> None:
        """Goes on until `stop` is set."""
        kinds: tuple[Callable[[AsyncClient, str], Awaitable[None]], ...]
        kinds = (self._heavy, self._crash, self._give_up)
        async with (
            AsyncClient(self._address, retry_for=RETRY_SECONDS) as client,
            asyncio.TaskGroup() as group,
        ):
            for number in itertools.count():
                kind = kinds[number % len(kinds)]
                group.create_task(_as_coroutine(kind(client, f"{self._name}-{number}")))
                if await passes(PERIOD / len(kinds), stop):
                    return

    async def _heavy(self, client: AsyncClient, run_id: str) -> None:
        """An entry's worth of long ones."""
        evaluations = (
            evaluation(HEAVY_PROGRAM, x=float(index), timeout=LIMIT_SECONDS) for index in range(HEAVY)
        )
        for index in range(HEAVY):
            self.ledger.send(f"{run_id}:{index}")
        self.ledger.accept(HEAVY)
        async for index, outcome in client.evaluate_many(evaluations, run_id=run_id):
            self.ledger.answer(f"{run_id}:{index}", fault_of(index, outcome))

    async def _crash(self, client: AsyncClient, run_id: str) -> None:
        """One that crashes its evaluator, each under a name of its own, or it would be refused soon."""
        self.ledger.send(run_id)
        self.ledger.accept()
        program = f"{QUARTIC}  # drill: crash {run_id}"
        try:
            outcome: object = await client.evaluate(program, x=1.0, timeout=LIMIT_SECONDS, request_id=run_id)
        except PullbackError as error:
            outcome = error
        self.ledger.answer(run_id, "" if isinstance(outcome, KernelFault) else repr(outcome))

    async def _give_up(self, client: AsyncClient, run_id: str) -> None:
        """One that never ends, whose caller goes away; the next one finds its evaluator free."""
        self.ledger.send(run_id)
        self.ledger.accept()
        program = f"{QUARTIC}  # drill: hang {run_id}"
        endless = client.evaluate(program, x=1.0, timeout=LIMIT_SECONDS, request_id=f"{run_id}-given-up")
        await first_of(endless, seconds=GIVE_UP_SECONDS)
        async for index, outcome in client.evaluate_many([case(0)], run_id=run_id):
            self.ledger.answer(run_id, fault_of(index, outcome))


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work
