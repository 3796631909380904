"""A load of evaluations whose answers are known, sent by callers that try again under the same request id."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING
from uuid import uuid4

from pullback.client import AsyncClient, Evaluated, PullbackError, evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

QUARTIC = "y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1"

# How long callers keep trying, in seconds: longer than any part takes to be started again.
RETRY_FOR = 60.0


def right(number: int, outcome: Evaluated) -> bool:
    """Whether value and slope of the quartic are exact."""
    x = point(number)
    value, slope = 2 * x**4 + x**3 + 3 * x**2 + 5 * x + 1, 8 * x**3 + 3 * x**2 + 6 * x + 5
    return bool(outcome.value == value and outcome.gradients["x"] == slope)


def point(number: int) -> float:
    """The point of the n-th evaluation: few different ones, so that float32 holds every answer exactly."""
    return float(number % 20)


class Tally:
    """What came back, by number of the evaluation."""

    def __init__(self, total: int, disturb: Callable[[], None], at: int) -> None:
        """Counts answers, and calls `disturb` once when `at` of `total` have come."""
        #: What request ids begin with; used once, or the answers would come from an earlier load's records.
        self.name = uuid4().hex
        self.total = total
        self.answers: Counter[int] = Counter()
        self.wrong: list[object] = []
        self._disturb = disturb
        self._at = at

    def count(self, number: int, outcome: object) -> None:
        """Counts one answer and checks it."""
        self.answers[number] += 1
        if not isinstance(outcome, Evaluated) or not right(number, outcome):
            self.wrong.append((number, outcome))
        if self.answers.total() == self._at:
            self._disturb()

    @property
    def lost(self) -> int:
        """Evaluations without an answer."""
        return self.total - len(self.answers)

    @property
    def duplicated(self) -> int:
        """Answers beyond the first."""
        return self.answers.total() - len(self.answers)


async def call(address: str, tally: Tally, callers: int) -> None:
    """Sends every evaluation as a call of its own, from `callers` at once."""
    numbers = iter(range(tally.total))
    async with AsyncClient(address, retry_for=RETRY_FOR) as client:

        async def caller() -> None:
            for number in numbers:
                try:
                    outcome: object = await client.evaluate(
                        QUARTIC, x=point(number), request_id=f"{tally.name}-{number}"
                    )
                except PullbackError as error:
                    outcome = error
                tally.count(number, outcome)

        await asyncio.gather(*(caller() for _ in range(callers)))


async def stream(address: str, tally: Tally) -> None:
    """Sends all evaluations over one stream."""
    evaluations = (evaluation(QUARTIC, x=point(number)) for number in range(tally.total))
    async with AsyncClient(address, retry_for=RETRY_FOR) as client:
        async for number, outcome in client.evaluate_many(evaluations, batch=64, in_flight=512):
            tally.count(number, outcome)
