"""A pipelined connection to Redis for the gateway's hot path.

Strategy: commands go out as they come, replies come back in order, and each is handed to its callback in the turn of
the event loop in which its bytes arrived. redis-py's asyncio client, which the rest of the gateway uses, takes a
connection from a pool for each command, and several turns of the loop for its streams and time limits: beside a small
evaluation, most of what the gateway did (docs/decisions/0009). The protocol itself is hiredis's business.

A connection that breaks fails what was under way and is made anew. Nothing is sent twice on its own account. Where
Sentinels watch over Redis, they are asked for the primary at each connection, and once a second whether it still is:
one that is frozen, or lives on without its replicas, breaks no connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError

from pullback.broker.connect import ANSWER_SECONDS, CONNECT_SECONDS
from pullback.broker.finding import AsyncFinder
from pullback.broker.handshake import destination, refusal
from pullback.broker.replies import Demoted, exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pullback.broker.handshake import Destination

log = logging.getLogger(__name__)

# How often a connection is looked after, in seconds.
WATCH_SECONDS = 1.0

# How long to wait before the next try where Redis cannot be reached, in seconds.
RETRY_SECONDS = 0.2

#: What Redis says: bytes, an integer, a list of replies or None; or the exception for an error.
Reply = Any


class Script:
    """A Lua script, known to Redis by its digest."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()


class Pipe(asyncio.Protocol):
    """One connection, kept up until closed. For one event loop."""

    def __init__(self, url: str) -> None:
        """Makes a pipe; `open` connects it.

        Args:
            url: where Redis is.
        """
        self._destination: Destination = destination(url)
        self._finder = AsyncFinder(self._destination.sentinels) if self._destination.sentinels else None
        self._place = (self._destination.host, self._destination.port)
        # The second is the same once the server let us in, and until the connection is lost.
        self._arriving: asyncio.Transport | None = None
        self._transport: asyncio.Transport | None = None
        self._greetings_left = 0
        self._let_in: asyncio.Future[None] | None = None
        self._reader = hiredis.Reader()
        self._waiting: deque[tuple[Callable[[Reply], None], float]] = deque()
        self._push: Callable[[Reply], None] | None = None
        self.up = asyncio.Event()
        self.down = asyncio.Event()
        self.down.set()
        self._clock = asyncio.get_running_loop().time

    def listen(self, push: Callable[[Reply], None]) -> None:
        """Calls `push` with each message of a channel that this connection subscribes to."""
        self._push = push

    def send(self, command: Sequence[Any], receive: Callable[[Reply], None]) -> None:
        """Sends a command; calls `receive` once with the reply, or with an exception where there is none."""
        transport = self._transport
        if transport is None:
            receive(RedisConnectionError("not connected"))
            return
        self._waiting.append((receive, self._clock() + ANSWER_SECONDS))
        transport.write(hiredis.pack_command(tuple(command)))

    def run(
        self, script: Script, keys: Sequence[str], arguments: Iterable[Any], receive: Callable[[Reply], None]
    ) -> None:
        """Runs a script, as `send` does."""

        def answered(reply: Reply) -> None:
            # Redis was restarted, or another took over. It ran nothing, so it may be asked again.
            if isinstance(reply, NoScriptError):
                self.send(("EVAL", script.source, *rest), receive)
            else:
                receive(reply)

        rest = (len(keys), *keys, *arguments)
        self.send(("EVALSHA", script.digest, *rest), answered)

    async def call(self, *command: Any) -> Reply:
        """Sends a command and waits for its reply.

        Raises:
            RedisError: the reply is an error, or there is none.
        """
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def receive(reply: Reply) -> None:
            if not future.done():
                future.set_result(reply)

        self.send(command, receive)
        reply = await future
        if isinstance(reply, Exception):
            raise reply
        return reply

    async def keep(self) -> None:
        """Keeps the connection up until cancelled."""
        try:
            while True:
                with suppress(OSError, TimeoutError, RedisError):
                    await self.open()
                    await self._watch()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.close()
            if self._finder:
                await self._finder.close()

    async def open(self) -> None:
        """Connects, and waits until the server let us in.

        Raises:
            OSError: nobody answers there.
            RedisError: it is not for us, or not the primary, or no Sentinel knows who that is.
        """
        try:
            if self._finder:
                self._place = await self._finder.find()
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connect()
        except BaseException:
            self.close()
            if self._finder:
                await self._finder.close()
            raise

    async def _connect(self) -> None:
        loop, to = asyncio.get_running_loop(), self._destination
        self._reader = hiredis.Reader()
        self._let_in = loop.create_future()
        if to.path:
            await loop.create_unix_connection(lambda: self, to.path, ssl=to.tls)
        else:
            await loop.create_connection(lambda: self, *self._place, ssl=to.tls)
        await self._let_in

    async def _watch(self) -> None:
        """Waits until the connection is lost; gives one up that does not answer, or leads to a Redis of the past."""
        while not self.down.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.down.wait(), WATCH_SECONDS)
            if (self._waiting and self._waiting[0][1] < self._clock()) or await self._is_elsewhere():
                self.close()

    async def _is_elsewhere(self) -> bool:
        """Tells whether Sentinels name another primary than the one that this connection leads to."""
        if not self._finder:
            return False
        try:
            return await self._finder.find() != self._place
        except (RedisError, OSError):
            # They may be away while Redis is not.
            return False

    def close(self) -> None:
        """Ends the connection; what was under way fails."""
        if self._arriving:
            self._arriving.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets Redis; called by the event loop."""
        self._arriving = transport  # type: ignore[assignment]  # TCP and Unix transports both can write
        self.down.clear()
        to = self._destination
        self._greetings_left = to.greetings
        if not to.greetings:
            self._welcome()
            return
        self._waiting.extend([(self._greeted, self._clock() + ANSWER_SECONDS)] * to.greetings)
        self._arriving.write(to.greeting)  # type: ignore[union-attr]  # just set

    def _greeted(self, reply: Reply) -> None:
        wrong = refusal(reply)
        if wrong is None and not isinstance(reply, RedisConnectionError):
            self._greetings_left -= 1
            if not self._greetings_left:
                self._welcome()
            return
        if self._let_in and not self._let_in.done():
            self._let_in.set_exception(wrong or reply)
        self.close()

    def _welcome(self) -> None:
        self._transport = self._arriving
        self.up.set()
        if self._let_in and not self._let_in.done():
            self._let_in.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Hands replies over; called by the event loop."""
        reader = self._reader
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            if self._push and type(reply) is list and reply[0] == b"message":
                self._push(reply)
                continue
            if not self._waiting:
                # Before a goodbye: one in protected mode says so to whoever connects.
                log.error("Redis said without being asked: %s", reply)
                self.close()
                return
            receive, _ = self._waiting.popleft()
            receive(self._refused(reply) if isinstance(reply, hiredis.ReplyError) else reply)

    def _refused(self, reply: Exception) -> RedisError:
        error = exception(reply)
        if isinstance(error, Demoted):
            self.close()
        return error

    def connection_lost(self, exc: Exception | None) -> None:
        """Fails what was under way; called by the event loop."""
        self._arriving = self._transport = None
        self.up.clear()
        self.down.set()
        waiting, self._waiting = self._waiting, deque()
        for receive, _ in waiting:
            receive(RedisConnectionError(f"the connection was lost: {type(exc).__name__}"))
