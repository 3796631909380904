"""The gateway's way out of Redis: a channel on which outcomes are pushed, and looks at job records.

A channel keeps nothing: what was published while the connection was down is gone. So after each connection the reader
asks who still waits, and looks at their records; the records are the truth, and the channel only makes it quick.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from struct import Struct
from typing import TYPE_CHECKING, Any

from redis.exceptions import RedisError

from pullback.broker.jobs import DIGEST_BYTES
from pullback.broker.submitted.records import EVENTS_CHANNEL
from pullback.contract.lifecycle import TERMINAL
from pullback.contract.names import QUARANTINE_NEWS, job_key, results_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from redis.asyncio.client import Redis

    from pullback.broker.pipe import Pipe, Reply

log = logging.getLogger(__name__)

# How often the connection is tried, in seconds, so that one that is only half there is noticed.
PING_SECONDS = 2.0

# Job records looked at in one go: Redis does nothing else meanwhile.
LOOK_AT_ONCE = 500

_TERMINAL = {state.value.encode() for state in TERMINAL}

_NEWS = QUARANTINE_NEWS.encode()

# The lengths of a job id and of its outcome, as finish.lua writes them.
_LENGTHS = Struct("<HI")


class ResultReader:
    """Hands outcomes over as they arrive."""

    def __init__(
        self,
        pipe: Pipe,
        redis: Redis,
        gateway: str,
        deliver: Callable[[str, bytes], None],
        waiting: Callable[[], Iterable[str]],
        *,
        lost: Callable[[str], None] = lambda _: None,
        news: Callable[[bytes], None] = lambda _: None,
        changed: Callable[[bytes], None] = lambda _: None,
    ) -> None:
        """Makes a reader.

        Args:
            pipe: a connection of its own.
            redis: a client for short commands.
            gateway: whose results to read.
            deliver: called in the event loop with a job's id and serialised `EvaluateOutcome`; must not block or raise.
            waiting: gives the ids of the accepted jobs that are waited for.
            lost: called in the event loop with the id of each accepted job that Redis has no record of when it is newly
                connected to; must not block or raise.
            news: called in the event loop with what is told of programs in quarantine; must not block or raise.
            changed: called in the event loop with the tag of a tenant whose submitted jobs changed; must not block or
                raise.
        """
        self._pipe = pipe
        self._redis = redis
        self._channel = results_key(gateway)
        self._deliver = deliver
        self._waiting = waiting
        self._lost = lost
        self._news = news
        self._changed = changed
        self.connected = asyncio.Event()
        self.disconnected = asyncio.Event()
        pipe.listen(self._pushed)

    async def run(self) -> None:
        """Subscribes, and again after each loss of the connection, until cancelled."""
        while True:
            await self._pipe.up.wait()
            # Begun before the subscription, or a connection that is remade in between would be taken for the same.
            down = asyncio.ensure_future(self._pipe.down.wait())
            with suppress(RedisError, OSError):
                await self._pipe.call("SUBSCRIBE", QUARANTINE_NEWS)
                await self._pipe.call("SUBSCRIBE", EVENTS_CHANNEL)
                await self._pipe.call("SUBSCRIBE", self._channel)
                await self._look_at_all()
                self.disconnected.clear()
                self.connected.set()
                await self._listen(down)
            down.cancel()
            if self.connected.is_set():
                log.warning("the queue cannot be reached")
            self.connected.clear()
            self.disconnected.set()
            # What failed may be the look; a subscription belongs to its connection, so both begin anew.
            self._pipe.close()
            await self._pipe.down.wait()

    async def _listen(self, down: asyncio.Future[Any]) -> None:
        """Returns, or raises, when the connection is lost."""
        while not down.done():
            await asyncio.wait([down], timeout=PING_SECONDS)
            await self._pipe.call("PING")

    def _pushed(self, message: Reply) -> None:
        if message[1] == _NEWS:
            self._news(message[2])
            return
        if message[1] == EVENTS_CHANNEL:
            self._changed(message[2])
            return
        letters: bytes = message[2]
        at = 0
        missing = []
        while at < len(letters):
            id_length, outcome_length = _LENGTHS.unpack_from(letters, at)
            begin = at + _LENGTHS.size
            middle = begin + id_length
            at = middle + outcome_length
            job_id = letters[begin:middle].decode()
            if outcome_length:
                self._deliver(job_id, letters[middle:at])
            else:
                missing.append(job_id)
        if missing:
            self._fetching = asyncio.get_running_loop().create_task(self._fetch(missing))

    async def _fetch(self, job_ids: Sequence[str]) -> None:
        try:
            await self.look(job_ids)
        except (RedisError, OSError) as error:
            # Those who wait look again by themselves after a while.
            log.warning("long outcomes were not fetched: %s", type(error).__name__)

    async def _look_at_all(self) -> None:
        job_ids = list(self._waiting())
        for start in range(0, len(job_ids), LOOK_AT_ONCE):
            for job_id in await self.look(job_ids[start : start + LOOK_AT_ONCE]):
                self._lost(job_id)

    async def look(self, job_ids: Sequence[str]) -> list[str]:
        """Looks at job records and delivers the outcomes of those that are finished.

        Returns:
            The ids of those whose records are gone.

        Raises:
            RedisError: Redis cannot be reached.
        """
        if not job_ids:
            return []
        records: list[Any] = await self._redis.mget([job_key(job_id) for job_id in job_ids])
        gone = []
        for job_id, record in zip(job_ids, records, strict=True):
            if record is None:
                gone.append(job_id)
            elif record[:1] in _TERMINAL:
                self._deliver(job_id, record[1 + DIGEST_BYTES :])
        return gone
