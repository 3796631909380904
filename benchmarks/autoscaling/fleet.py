"""Workers that take jobs off a queue, second by second."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass
class Fleet:
    """The workers of one device class.

    Attributes:
        slots: of each worker.
        start_seconds: from the decision for a worker until it takes jobs.
        queue: what waits: when it came, how many, and what each takes.
        running: seconds that are left of what is taken.
    """

    slots: int
    start_seconds: int
    replicas: int = 0
    ready: int = 0
    came: float = 0.0
    done: float = 0.0
    longest: float = 0.0
    queue: deque[tuple[int, float, float]] = field(default_factory=deque)
    running: list[float] = field(default_factory=list)
    _starting: deque[int] = field(default_factory=deque)

    def scale(self, now: int, wanted: int) -> None:
        """Starts or ends workers. One that ends finishes what it has in hand, and takes no more."""
        for _ in range(wanted - self.replicas):
            self._starting.append(now + self.start_seconds)
        for _ in range(self.replicas - wanted):
            if self._starting:
                self._starting.pop()
            else:
                self.ready -= 1
        self.replicas = wanted

    def second(self, now: int, arrivals: list[tuple[int, float]]) -> None:
        """Lets a second pass."""
        for count, seconds in arrivals:
            self.came += count
            self.queue.append((now, count, seconds))
        while self._starting and self._starting[0] <= now:
            self._starting.popleft()
            self.ready += 1
        left = [seconds - 1 for seconds in self.running]
        self.done += sum(seconds <= 0 for seconds in left)
        self.running = [seconds for seconds in left if seconds > 0]
        self._take(now, float(max(0, self.ready * self.slots - len(self.running))))

    def _take(self, now: int, budget: float) -> None:
        while budget > 0 and self.queue:
            when, count, seconds = self.queue.popleft()
            self.longest = max(self.longest, now - when)
            if seconds > 1:
                taken = min(count, float(int(budget)))
                self.running += [seconds] * int(taken)
                budget -= taken
                if not taken:
                    self.queue.appendleft((when, count, seconds))
                    return
            else:
                taken = min(count, budget / seconds)
                self.done += taken
                budget -= taken * seconds
            if taken < count:
                self.queue.appendleft((when, count - taken, seconds))

    @property
    def waiting(self) -> int:
        """Jobs that wait."""
        return round(sum(count for _, count, _ in self.queue))

    def oldest(self, now: int) -> int:
        """Seconds that the oldest of them has waited."""
        return now - self.queue[0][0] if self.queue else 0
