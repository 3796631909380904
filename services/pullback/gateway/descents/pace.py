"""How many steps the next leg of a descent has. No I/O and no clock."""

from __future__ import annotations

# How long a leg is to take, in seconds: short beside what others wait for, long beside what a leg costs to send.
LEG_SECONDS = 0.25

# What a leg takes longer for each byte that is sent with it, in seconds, so that sending stays a small part; and the
# most.
SECONDS_PER_BYTE = 0.5 / 2**22
MOST_SECONDS = 5.0

# By how much a leg may have more steps than the last one. What a step takes is not known before the first.
GROWTH = 8


class Pace:
    """Finds the number of steps by what the legs before took.

    Args:
        leg_bytes: what is sent with each leg.
    """

    def __init__(self, leg_bytes: int) -> None:
        self._seconds = min(LEG_SECONDS + leg_bytes * SECONDS_PER_BYTE, MOST_SECONDS)
        self._steps = 1

    def steps(self, left: int) -> int:
        """Gives the number of steps of the next leg; at least 1.

        Args:
            left: the steps that are left.
        """
        return max(1, min(self._steps, left))

    def took(self, steps: int, seconds: float) -> None:
        """Learns what a leg took."""
        growth = GROWTH if seconds <= 0 else min(GROWTH, self._seconds / seconds)
        self._steps = max(1, int(steps * growth))

    def overran(self, steps: int) -> bool:
        """Learns that a leg did not end in its time; tells whether a shorter one may."""
        self._steps = max(1, steps // GROWTH)
        return steps > 1
