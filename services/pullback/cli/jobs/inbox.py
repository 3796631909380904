"""What happens while jobs are waited for, in one queue: news of the service, what was submitted, signals.

Strategy: one thread waits for each source, and the main thread alone changes anything. News wait for their place, so
that a slow disk slows the watch down in place of filling the memory. A signal's handler puts into the queue, which is
safe at any point of the main thread.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from pullback.client import News, PullbackError

# Messages that are under way to the main thread at once.
_ROOM = 8

#: Signals that end the waiting. Who starts us with one ignored, as a shell's & does, wants it ignored.
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of jobs that were sent: by slot, a refusal or None."""

    outcomes: list[tuple[str, PullbackError | None]]


@dataclass(frozen=True, slots=True)
class Submitted:
    """All jobs were sent."""


@dataclass(frozen=True, slots=True)
class Broke:
    """A source ended by an error."""

    error: Exception


@dataclass(frozen=True, slots=True)
class Signalled:
    """A signal came."""

    number: int


if TYPE_CHECKING:
    Message = News | Settled | Submitted | Broke | Signalled


@final
class Inbox:
    """A queue that sources fill and the main thread empties."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._room = threading.Semaphore(_ROOM)
        self._threads: list[threading.Thread] = []
        self.closed = threading.Event()

    def start(self, name: str, source: Callable[[], Iterator[Message]]) -> None:
        """Reads a source in a thread of its own, until it ends or the inbox is closed."""
        thread = threading.Thread(target=self._read, args=(source,), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def get(self, seconds: float) -> Message | None:
        """Gives the next message; None where none came in time."""
        try:
            message, takes_room = self._queue.get(timeout=seconds)
        except Empty:
            return None
        if takes_room:
            self._room.release()
        found: Message = message
        return found

    def close(self) -> None:
        """Lets the sources end. What they still have is not given."""
        self.closed.set()
        self._room.release(len(self._threads))

    def join(self, seconds: float) -> None:
        """Waits for the sources to end, each for so long; they are daemons."""
        for thread in self._threads:
            thread.join(seconds)

    @contextmanager
    def signals(self) -> Iterator[None]:
        """Takes signals as messages."""
        old = {number: signal.getsignal(number) for number in ENDING}
        for number, handler in old.items():
            if handler is not signal.SIG_IGN:
                signal.signal(number, self._signalled)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, _frame: FrameType | None) -> None:
        self._queue.put((Signalled(number), False))

    def _read(self, source: Callable[[], Iterator[Message]]) -> None:
        try:
            for message in source():
                self._room.acquire()
                if self.closed.is_set():
                    return
                self._queue.put((message, True))
        except Exception as error:  # noqa: BLE001 - the main thread raises it, unless it has left
            if not self.closed.is_set():
                self._queue.put((Broke(error), False))
