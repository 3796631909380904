"""The gateway's way out of Redis: one blocking reader of its results stream, and looks at job records."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pullback.contract.lifecycle import TERMINAL
from pullback.contract.names import job_key, results_key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from redis.asyncio.client import Redis

log = logging.getLogger(__name__)

# How long one read waits for news, in ms; a broken connection is noticed after it at the latest.
BLOCK_MS = 2_000

# Entries in one read; each holds the outcomes of one batch of a drain.
ENTRIES_AT_ONCE = 64

# How long to wait before the next try where Redis cannot be reached, in seconds.
RETRY_SECONDS = 0.2

_TERMINAL = {state.value.encode() for state in TERMINAL}


class ResultReader:
    """Reads outcomes as they arrive and hands each to `deliver(job id, serialised EvaluateOutcome)`."""

    def __init__(
        self, blocking: Redis, redis: Redis, gateway: str, deliver: Callable[[str, bytes], None]
    ) -> None:
        """Makes a reader.

        Args:
            blocking: a client of its own, whose answers may take `BLOCK_MS`.
            redis: a client for short commands.
            gateway: whose results to read.
            deliver: called in the event loop; must not block or raise.
        """
        self._blocking = blocking
        self._redis = redis
        self._stream = results_key(gateway)
        self._deliver = deliver
        self._last = b"0-0"
        self.connected = asyncio.Event()
        self.disconnected = asyncio.Event()

    async def run(self) -> None:
        """Reads until cancelled. Goes on where it stopped after Redis was away."""
        while True:
            try:
                await self._read()
                self.disconnected.clear()
                self.connected.set()
            except (RedisError, OSError) as error:
                if self.connected.is_set():
                    log.warning("the queue cannot be reached: %s", type(error).__name__)
                self.connected.clear()
                self.disconnected.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _read(self) -> None:
        # While disconnected the first read returns at once, so that health tells the truth early.
        block = BLOCK_MS if self.connected.is_set() else 1
        reply: Any = await self._blocking.xread(
            {self._stream: self._last}, count=ENTRIES_AT_ONCE, block=block
        )
        for entries in (reply or {}).values():
            for page in entries:
                for entry, letters in page:
                    await self._open(letters)
                    self._last = entry

    async def _open(self, letters: dict[bytes, bytes]) -> None:
        missing = []
        for job_id, outcome in letters.items():
            if outcome:
                self._deliver(job_id.decode(), outcome)
            else:
                missing.append(job_id.decode())
        if missing:
            await self.look(missing)

    async def look(self, job_ids: Sequence[str]) -> list[str]:
        """Looks at job records and delivers the outcomes of those that are finished.

        Returns:
            The ids of those whose records are gone.

        Raises:
            RedisError: Redis cannot be reached.
        """
        pipeline = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipeline.hmget(job_key(job_id), "state", "outcome")
        gone = []
        for job_id, (state, outcome) in zip(job_ids, await pipeline.execute(), strict=True):
            if state is None:
                gone.append(job_id)
            elif state in _TERMINAL:
                self._deliver(job_id, outcome)
        return gone
