"""Good evaluations with bad ones among them, all over one stream, and what came of each."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.acceptance.load import QUARTIC, point, right

from pullback.client import (
    AsyncClient,
    DeadlineExceeded,
    Evaluated,
    KernelFault,
    LimitExceeded,
    PullbackError,
    evaluation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.v1 import evaluation_pb2 as pb

#: What each misdeed of `engine.py` is answered with; None for a result, as it only harms its process.
ANSWERS: Mapping[str, type[PullbackError] | None] = {
    "crash": KernelFault,
    "corrupt": KernelFault,
    "attack": KernelFault,
    "hang": DeadlineExceeded,
    "spin": DeadlineExceeded,
    "devour": LimitExceeded,
    "starve": LimitExceeded,
    "spoil": None,
}

# Time limits of those that never end, and of the others, in seconds. The others wait for those.
ENDLESS_SECONDS = 1.0
OTHER_SECONDS = 60.0


@dataclass
class Drill:
    """One run.

    Attributes:
        good: how many good evaluations there are.
        bad: the misdeeds, one for each bad one.
        seed: where among the good ones they are.
        wrong: what was not answered as it should, by number.
        answers: how many were answered with what.
        seconds: how long it took.
    """

    good: int
    bad: list[str]
    seed: int = 0
    wrong: list[tuple[int, object]] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        self._plan: list[str] = [""] * self.good + self.bad
        random.Random(self.seed).shuffle(self._plan)  # noqa: S311 - no secret

    def _evaluations(self) -> Iterator[pb.Evaluation]:
        for number, misdeed in enumerate(self._plan):
            if misdeed:
                # A number in each, or the second crash would put all the others into quarantine.
                program = f"{QUARTIC}  # drill: {misdeed} {self.seed}-{number}"
                limit = ENDLESS_SECONDS if ANSWERS[misdeed] is DeadlineExceeded else OTHER_SECONDS
                yield evaluation(program, x=point(number), timeout=limit)
            else:
                yield evaluation(QUARTIC, x=point(number), timeout=OTHER_SECONDS)

    async def run(self, address: str) -> None:
        """Sends all, and compares each answer with what it has to be."""
        begun = time.monotonic()
        async with AsyncClient(address) as client:
            async for number, outcome in client.evaluate_many(self._evaluations(), batch=64, in_flight=512):
                self._check(number, outcome)
        self.seconds = time.monotonic() - begun

    def _check(self, number: int, outcome: Evaluated | PullbackError) -> None:
        misdeed = self._plan[number]
        self.answers[f"{misdeed or 'good'}: {type(outcome).__name__}"] += 1
        expected = ANSWERS[misdeed] if misdeed else None
        is_right = isinstance(outcome, expected) if expected else _is_result(number, outcome)
        if not is_right:
            self.wrong.append((number, outcome))


def _is_result(number: int, outcome: object) -> bool:
    return isinstance(outcome, Evaluated) and right(number, outcome)
