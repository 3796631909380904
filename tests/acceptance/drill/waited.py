"""The load of callers who wait: evaluations over streams, at a steady rate, whatever becomes of those before."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import aclosing
from typing import TYPE_CHECKING, final

from tests.acceptance.drill.cases import case, fault_of
from tests.acceptance.drill.ledger import Ledger
from tests.acceptance.drill.waiting import passes

from pullback.client import AsyncClient, PullbackError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.v1 import evaluation_pb2 as pb

# Evaluations on one stream, and seconds between two streams: some sixty evaluations a second. More would measure how
# fast this machine is, and not how long a fault is felt.
CHUNK = 12
PERIOD = 0.2

# How long callers go on trying, in seconds.
RETRY_SECONDS = 120.0


@final
class Waited:
    """Sends and counts until told to stop. The SDK tries again, under the same request ids."""

    kind = "waited"

    def __init__(self, address: str, name: str) -> None:
        self.ledger = Ledger()
        self._address = address
        self._name = name

    async def run(self, stop: asyncio.Event) -> None:
        """Sends until `stop` is set, and then waits for the rest."""
        async with (
            AsyncClient(self._address, retry_for=RETRY_SECONDS) as client,
            asyncio.TaskGroup() as group,
        ):
            for number in itertools.count():
                group.create_task(self._stream(client, f"{self._name}-{number}"))
                if await passes(PERIOD, stop):
                    return

    async def _stream(self, client: AsyncClient, run_id: str) -> None:
        ledger = self.ledger
        ledger.accept(CHUNK)
        try:
            async with aclosing(
                client.evaluate_many(self._evaluations(run_id), batch=CHUNK, run_id=run_id)
            ) as landings:
                async for index, outcome in landings:
                    ledger.answer(f"{run_id}:{index}", fault_of(index, outcome))
        except PullbackError as error:
            ledger.blame(f"{run_id}: {error!r}")

    def _evaluations(self, run_id: str) -> Iterator[pb.Evaluation]:
        for index in range(CHUNK):
            self.ledger.send(f"{run_id}:{index}")
            yield case(index)
