"""A load of three hours, for each device: what comes in each second, and how long a job of it takes."""

from __future__ import annotations

from typing import NamedTuple

HOUR = 3_600


class Stretch(NamedTuple):
    """A stretch of time with a steady load.

    Attributes:
        begin, end: seconds from the beginning.
        rate: jobs a second.
        seconds: what a job takes of a slot.
    """

    begin: int
    end: int
    rate: float
    seconds: float


#: On the processor: a morning of calls, a batch that comes at once, a rush, a quiet hour with few long jobs.
CPU = (
    Stretch(0, 3 * HOUR, 20, 0.01),
    Stretch(900, 905, 4_000, 0.05),
    Stretch(3_600, 4_500, 300, 0.03),
    Stretch(6_000, 6_010, 20, 30.0),
)

#: On GPUs: nothing, a batch, nothing, a few long jobs, nothing.
CUDA = (
    Stretch(1_200, 1_230, 200, 0.2),
    Stretch(6_600, 6_900, 0.2, 20.0),
)


def arrivals(stretches: tuple[Stretch, ...], second: int) -> list[tuple[int, float]]:
    """Gives how many jobs come in a second, each with what it takes."""
    found = []
    for each in stretches:
        if each.begin <= second < each.end:
            after = second - each.begin + 1
            found.append((int(each.rate * after) - int(each.rate * (after - 1)), each.seconds))
    return [(count, seconds) for count, seconds in found if count]
