"""What was asked and what came back, and how long a fault was felt."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import final

# So many examples are kept of what went wrong.
EXAMPLES = 5


@final
class Mark:
    """A moment to measure from.

    Attributes:
        at: the moment, by the monotonic clock.
        first: seconds until the first answer to a call that was made after it.
        longest: seconds until the last of what was unanswered then was answered.
        over: set when both are known.
    """

    def __init__(self, waiting: set[str]) -> None:
        self.at = time.monotonic()
        self.waiting = waiting
        self.first: float | None = None
        self.longest: float | None = None if waiting else 0.0
        self.over = asyncio.Event()

    def answered(self, key: str, sent: float, now: float, *, worked: bool) -> None:
        """Takes note of an answer; `worked` tells whether it took the whole system to give it."""
        if worked and self.first is None and sent >= self.at:
            self.first = now - self.at
        self.settled(key, now)

    def settled(self, key: str, now: float) -> None:
        """Takes note that something is no longer waited for."""
        if key in self.waiting:
            self.waiting.discard(key)
            if not self.waiting:
                self.longest = now - self.at
        if self.first is not None and self.longest is not None:
            self.over.set()


@dataclass
class Ledger:
    """One load's account.

    Attributes:
        accepted: what the service took upon itself.
        completed: what of it was answered.
        gone: what was answered, and was not there when one looked again.
        duplicated: answers beyond the first.
        wrong: examples of answers that are not right, errors included.
        wrong_count: how many there were.
        slowest: seconds that the slowest answer took.
    """

    accepted: int = 0
    completed: int = 0
    gone: int = 0
    duplicated: int = 0
    wrong: list[str] = field(default_factory=list)
    wrong_count: int = 0
    slowest: float = 0.0
    _open: dict[str, float] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _marks: list[Mark] = field(default_factory=list)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _sent: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def lost(self) -> int:
        """What was accepted and has no answer, or has it no longer."""
        return self.accepted - self.completed + self.gone

    @property
    def is_busy(self) -> bool:
        """Whether something is unanswered."""
        return bool(self._open)

    def older_than(self, seconds: float) -> set[str]:
        """Gives what is unanswered for so long."""
        since = time.monotonic() - seconds
        return {key for key, sent in self._open.items() if sent < since}

    def send(self, key: str) -> None:
        """Notes that something is asked for."""
        self._open[key] = time.monotonic()
        self._sent.set()

    def accept(self, count: int = 1) -> None:
        """Notes that so many more were accepted."""
        self.accepted += count

    def refuse(self, key: str, why: object) -> None:
        """Notes that something was refused for good, which no fault is a reason for."""
        self.lose(key)
        self.blame(f"{key} was refused: {why!r}")

    def lose(self, key: str) -> None:
        """Notes that there will be no answer."""
        self._open.pop(key, None)
        for mark in self._marks:
            mark.settled(key, time.monotonic())
        self._news.set()

    def answer(self, key: str, fault: str, *, worked: bool = True) -> None:
        """Notes an answer.

        Args:
            key: to what.
            fault: what is wrong with it, if anything.
            worked: whether it took the whole system to give it.
        """
        if key in self._done:
            self.duplicated += 1
            return
        self._done.add(key)
        self.completed += 1
        if fault:
            self.blame(f"{key}: {fault}")
        now = time.monotonic()
        sent = self._open.pop(key, now)
        self.slowest = max(self.slowest, now - sent)
        for mark in self._marks:
            mark.answered(key, sent, now, worked=worked)
        self._news.set()

    def blame(self, what: str) -> None:
        """Notes something that is not as it has to be."""
        self.wrong_count += 1
        if len(self.wrong) < EXAMPLES:
            self.wrong.append(what)

    def mark(self) -> Mark:
        """Begins to measure."""
        mark = Mark(set(self._open))
        self._marks.append(mark)
        return mark

    def forget(self, mark: Mark) -> None:
        """Ends a measurement."""
        self._marks.remove(mark)

    async def answers(self, count: int) -> None:
        """Waits for so many more answers."""
        until = self.completed + count
        while self.completed < until:
            self._news.clear()
            await self._news.wait()

    async def busy(self) -> None:
        """Waits until something more is asked for."""
        self._sent.clear()
        await self._sent.wait()

    async def settled(self) -> None:
        """Waits until nothing is unanswered."""
        while self._open:
            self._news.clear()
            await self._news.wait()
