"""The thread by which a worker process shows that it is alive, while its main thread computes."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pullback.broker import BEAT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.broker import Slot
    from pullback.worker.stopping import StopFlag

log = logging.getLogger(__name__)


class Heart:
    """Beats once a second for a slot and the drain that it runs."""

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
        self._stop = threading.Event()
        self._drain: tuple[str, str] = ("", "")
        self._cancel: Callable[[str], None] | None = None
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        #: The clock of Redis less ours, in ms. Deadlines are by the former.
        self.clock_offset_ms = 0

    def start(self) -> None:
        """Begins to beat, at once, in a thread. Redis may come later."""
        self._thread.start()

    def stop(self) -> None:
        """Stops beating and waits until it did."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def attend(self, lane: str, drain: str, cancel: Callable[[str], None]) -> None:
        """Beats for a drain too, and calls `cancel(job id)`, from the thread, for jobs that were given up."""
        self._cancel = cancel
        self._drain = (lane, drain)

    def dismiss(self) -> None:
        """Beats for the slot alone again."""
        self._drain = ("", "")
        self._cancel = None

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat()
            except (RedisError, OSError) as error:
                log.warning("no sign of life was taken: %s", type(error).__name__)
            self._stop.wait(BEAT_SECONDS)

    def _beat(self) -> None:
        cancel = self._cancel
        heard = self._slot.beat(*self._drain, leaving=bool(self._leaving))
        self.clock_offset_ms = heard.now_ms - int(time.time() * 1000)
        if self._first:
            self._first()
            self._first = None
        for job_id in heard.cancelled:
            if cancel:
                cancel(job_id)
        self._each()
