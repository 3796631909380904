"""A pipelined connection to Redis for the gateway's hot path.

Strategy: commands go out as they come, replies come back in order, and each is handed to its callback in the turn of
the event loop in which its bytes arrived. redis-py's asyncio client, which the rest of the gateway uses, takes a
connection from a pool for each command, and several turns of the loop for its streams and time limits: beside a small
evaluation, most of what the gateway did (docs/decisions/0009). The protocol itself is hiredis's business.

A connection that breaks fails what was under way and is made anew. Nothing is sent twice on its own account.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError

from pullback.broker.connect import ANSWER_SECONDS, CONNECT_SECONDS
from pullback.broker.handshake import destination
from pullback.broker.replies import exception

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pullback.broker.handshake import Destination

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
        self._transport: asyncio.Transport | None = None
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
                with suppress(OSError, TimeoutError, RedisConnectionError):
                    await self.open()
                    await self._watch()
                await asyncio.sleep(RETRY_SECONDS)
        finally:
            self.close()

    async def open(self) -> None:
        """Connects.

        Raises:
            OSError: nobody answers there.
            RedisConnectionError: it is not for us.
        """
        loop, to = asyncio.get_running_loop(), self._destination
        self._reader = hiredis.Reader()
        async with asyncio.timeout(CONNECT_SECONDS):
            if to.path:
                await loop.create_unix_connection(lambda: self, to.path, ssl=to.tls)
            else:
                await loop.create_connection(lambda: self, to.host, to.port, ssl=to.tls)

    async def _watch(self) -> None:
        """Waits until the connection is lost; gives one up that does not answer."""
        while not self.down.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.down.wait(), 1.0)
            if self._waiting and self._waiting[0][1] < self._clock() and self._transport:
                self._transport.abort()

    def close(self) -> None:
        """Ends the connection; what was under way fails."""
        if self._transport:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greets Redis; called by the event loop."""
        self._transport = transport  # type: ignore[assignment]  # TCP and Unix transports both can write
        self.down.clear()
        self.up.set()
        if self._destination.greeting:
            self._waiting.extend(
                [(self._greeted, self._clock() + ANSWER_SECONDS)] * self._destination.greetings
            )
            self._transport.write(self._destination.greeting)  # type: ignore[union-attr]  # just set

    def _greeted(self, reply: Reply) -> None:
        if isinstance(reply, Exception) and self._transport:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hands replies over; called by the event loop."""
        reader = self._reader
        reader.feed(data)
        while (reply := reader.gets()) is not False:
            if self._push and type(reply) is list and reply[0] == b"message":
                self._push(reply)
                continue
            receive, _ = self._waiting.popleft()
            receive(exception(reply) if isinstance(reply, hiredis.ReplyError) else reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fails what was under way; called by the event loop."""
        self._transport = None
        self.up.clear()
        self.down.set()
        waiting, self._waiting = self._waiting, deque()
        for receive, _ in waiting:
            receive(RedisConnectionError(f"the connection was lost: {type(exc).__name__}"))
