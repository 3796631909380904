"""Evaluations whose answers are known exactly, some of them quick and some that keep an evaluator busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.acceptance.load import QUARTIC, point, right

from pullback.client import Evaluated, evaluation

if TYPE_CHECKING:
    from pullback.v1 import evaluation_pb2 as pb

# Adds nothing, and takes some milliseconds: kills are to meet evaluators at work.
BUSY = "m = torch.ones(192, 192)\nfor i in range(8):\n    m = (m @ m) / 192\n" + QUARTIC + " + 0 * m.sum()"

# One of so many is a busy one.
BUSY_EVERY = 6

# Time limit of each, in seconds: longer than any fault lasts.
LIMIT_SECONDS = 240.0


def case(number: int, limit: float | None = LIMIT_SECONDS) -> pb.Evaluation:
    """Gives the n-th evaluation."""
    program = BUSY if number % BUSY_EVERY == 0 else QUARTIC
    return evaluation(program, x=point(number), timeout=limit)


def fault_of(number: int, outcome: object) -> str:
    """Says what is wrong with the answer to the n-th; "" where it is right to the last bit."""
    if isinstance(outcome, Evaluated):
        return "" if right(number, outcome) else f"{outcome!r} at x = {point(number)}"
    return repr(outcome)
