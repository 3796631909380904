"""Sends wake-ups: the Celery messages that say that there is work on a lane."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

from kombu.exceptions import OperationalError

from pullback.broker.wakeups import celery_app
from pullback.contract.names import DRAIN_TASK, PREFIX, queue_name

log = logging.getLogger(__name__)

# The first may meet a connection that leads to a Redis of the past, and only finds that out.
TRIES = 2

_LANE = f"{PREFIX}lane:"


class Waker:
    """Sends wake-ups from a thread of its own, for Celery's client blocks."""

    def __init__(self, redis_url: str) -> None:
        self._app = celery_app(redis_url, takes=False)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wake")

    def wake(self, lane: str) -> None:
        """Asks for a drain on a lane; returns at once.

        A wake-up that is lost costs a moment: the sweeper finds lanes that have work and no drain.
        """
        self._thread.submit(self._send, lane)

    def _send(self, lane: str) -> None:
        for _ in range(TRIES):
            error = self._try(lane)
            if error is None:
                return
        log.warning("%s: no wake-up sent: %s", lane, type(error).__name__)

    def _try(self, lane: str) -> Exception | None:
        device = lane.removeprefix(_LANE).partition(":")[0]
        try:
            self._app.send_task(
                DRAIN_TASK, args=[lane], queue=queue_name(device), ignore_result=True, retry=False
            )
        except (OperationalError, OSError) as error:
            return error
        return None

    def close(self) -> None:
        """Sends what is under way and lets go of the connection."""
        self._thread.shutdown(wait=True)
        self._app.close()
