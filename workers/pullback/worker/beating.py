"""The thread by which a worker process shows that it is alive, while its main thread computes."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import RedisError

from pullback.broker import BEAT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.broker import Slot
    from pullback.worker.stopping import StopFlag

log = logging.getLogger(__name__)

# The beat comes early rather than that Redis is asked to wait for less than this, in seconds.
SHORTEST_WAIT_SECONDS = 0.01


class Ward(NamedTuple):
    """A drain that is looked after. What is called here is called from the heart's thread.

    Attributes:
        lane: its lane's key.
        drain: its name.
        cancel: stops the job that is at a place.
        interrupt: stops all that can be done another time. Called once or more, when the worker stops.
    """

    lane: str
    drain: str
    cancel: Callable[[str], None]
    interrupt: Callable[[], None]


class Heart:
    """Beats once a second for a slot and the drain that it runs, and listens between beats.

    What it listens for are the drain's jobs that are to stop: it waits for them on Redis, so that an evaluator is
    killed at once and not at the next beat.
    """

    def __init__(
        self, slot: Slot, leaving: StopFlag, first: Callable[[], None], each: Callable[[], None]
    ) -> None:
        """Makes a heart; nothing beats yet.

        Args:
            slot: whose sign of life is given.
            leaving: once set, the slot is said to take no more work, while its drain lives on.
            first: called once, from the thread, after the first beat that Redis took.
            each: called, from the thread, after each.
        """
        self._slot = slot
        self._leaving = leaving
        self._first: Callable[[], None] | None = first
        self._each = each
        self._stopped = False
        # Set where the thread has something else to do than to wait for the next beat.
        self._news = threading.Event()
        self._ward: Ward | None = None
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        #: The clock of Redis less ours, in ms. Deadlines are by the former.
        self.clock_offset_ms = 0

    def start(self) -> None:
        """Begins to beat, at once, in a thread. Redis may come later."""
        self._thread.start()

    def stop(self) -> None:
        """Stops beating and waits until it did."""
        self._stopped = True
        self.dismiss()
        if self._thread.is_alive():
            self._thread.join()

    def attend(self, ward: Ward) -> None:
        """Beats for a drain too, and tells it what is to stop."""
        self._ward = ward
        self._news.set()

    def dismiss(self) -> None:
        """Beats for the slot alone again."""
        ward, self._ward = self._ward, None
        self._news.set()
        if ward:
            try:
                # The thread may wait for jobs of this drain, and would be late for those of the next.
                self._slot.rouse(ward.drain)
            except (RedisError, OSError) as error:
                log.warning("the heart goes on to the next drain late: %s", type(error).__name__)

    def _run(self) -> None:
        while not self._stopped:
            next_beat = time.monotonic() + BEAT_SECONDS
            try:
                self._beat()
                while self._listen(next_beat):
                    pass
            except (RedisError, OSError) as error:
                log.warning("no sign of life was taken: %s", type(error).__name__)
                self._wait(next_beat)

    def _listen(self, until: float) -> bool:
        """Waits for jobs that are to stop, and stops them; tells whether there is time for more before a beat."""
        ward, left = self._ward, until - time.monotonic()
        if left < SHORTEST_WAIT_SECONDS or self._stopped:
            return False
        if not ward:
            self._wait(until, lambda: self._ward is None)
            return True
        for place in self._slot.cancelled(ward.drain, left):
            ward.cancel(place)
        return True

    def _wait(self, until: float, still: Callable[[], bool] = lambda: True) -> None:
        # Cleared before the looks: what comes after them is not missed.
        self._news.clear()
        if still() and not self._stopped:
            self._news.wait(max(until - time.monotonic(), 0.0))

    def _beat(self) -> None:
        ward = self._ward
        if ward and self._leaving:
            ward.interrupt()
        now_ms = self._slot.beat(*(ward[:2] if ward else ()), leaving=bool(self._leaving))
        self.clock_offset_ms = now_ms - int(time.time() * 1000)
        if self._first:
            self._first()
            self._first = None
        self._each()
