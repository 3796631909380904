"""How many jobs a drain takes at once."""

from __future__ import annotations

# A batch is meant to take this long, in seconds: long enough that one trip to Redis costs little beside it, and short
# enough that other drains find work meanwhile and a job waits little for its neighbours.
BATCH_SECONDS = 0.05

# The same for jobs that nobody waits for. Whoever calls meanwhile waits for it, where no other drain is free.
SHELF_SECONDS = 0.01

# What is taken at first, while nothing is known of the jobs.
FIRST = 16


class Appetite:
    """Doubles while full batches are quick, and shrinks to what would have taken the time meant."""

    def __init__(self, most: int, meant_seconds: float = BATCH_SECONDS) -> None:
        """Begins with few.

        Args:
            most: jobs that are never exceeded.
            meant_seconds: how long a batch is to take.
        """
        self._most = most
        self._meant_seconds = meant_seconds
        self.count = min(FIRST, most)

    def digest(self, jobs: int, seconds: float) -> None:
        """Learns from a batch of `jobs` that took `seconds`."""
        if seconds > self._meant_seconds:
            self.count = max(1, min(self.count, int(jobs * self._meant_seconds / seconds)))
        elif jobs >= self.count:
            self.count = min(2 * self.count, self._most)
