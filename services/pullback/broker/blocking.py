"""A blocking connection to Redis for the drain's hot path: a few commands at a time, as lean as a socket allows.

Kept beside redis-py, which the rest of the worker uses, for what docs/decisions/0009 measured.
"""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import hiredis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from pullback.broker.connect import ANSWER_SECONDS, CONNECT_SECONDS, SILENCE_SECONDS
from pullback.broker.finding import Finder
from pullback.broker.handshake import destination, refusal
from pullback.broker.replies import Demoted, exception

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pullback.broker.handshake import Destination
    from pullback.broker.pipe import Script

# After how long without a command Sentinels are asked whether the connection still leads to the primary, in seconds.
IDLE_SECONDS = 1.0

# Bytes read at once: a batch of some hundred small evaluations.
READ_BYTES = 1 << 18


class Line:
    """One connection for one thread; made at the first command, and again after it broke.

    Attributes:
        connections: how often it was made. What was written by way of an earlier one, this Redis may not have: its
            file may end before, or it may be a replica that took over.
    """

    def __init__(self, url: str, *, blocking_seconds: float = 0.0) -> None:
        """Makes a line.

        Args:
            url: where Redis is.
            blocking_seconds: how long a command may block on purpose.
        """
        self._destination = destination(url)
        self._finder = Finder(self._destination.sentinels) if self._destination.sentinels else None
        self._place = (self._destination.host, self._destination.port)
        self._patience = ANSWER_SECONDS + blocking_seconds
        self._socket: socket.socket | None = None
        self.connections = 0
        self._used = 0.0
        self._reader = hiredis.Reader()

    def call(self, *command: Any) -> Any:
        """Sends a command and gives its reply.

        Raises:
            RedisError: the reply is an error.
            RedisConnectionError: there is no connection, or it broke. The command may have been run.
            RedisTimeoutError: there was no reply in time. Likewise.
        """
        (reply,) = self._exchange(hiredis.pack_command(command), 1)
        if isinstance(reply, hiredis.ReplyError):
            raise self._refused(reply)
        return reply

    def calls(self, *commands: tuple[Any, ...]) -> list[Any]:
        """Sends commands together and gives their replies; one that is an error is given, not raised.

        Raises:
            RedisConnectionError: there is no connection, or it broke. Any of the commands may have been run.
            RedisTimeoutError: there was no reply in time. Likewise.
        """
        replies = self._exchange(b"".join(map(hiredis.pack_command, commands)), len(commands))
        return [self._refused(each) if isinstance(each, hiredis.ReplyError) else each for each in replies]

    def run(self, script: Script, keys: Sequence[str], arguments: Iterable[Any]) -> Any:
        """Runs a script, as `call` does."""
        rest = (len(keys), *keys, *arguments)
        try:
            return self.call("EVALSHA", script.digest, *rest)
        except NoScriptError:
            return self.call("EVAL", script.source, *rest)

    def _exchange(self, sent: bytes, replies: int) -> list[Any]:
        try:
            line = self._current()
            line.sendall(sent)
            return [self._read(line) for _ in range(replies)]
        except TimeoutError as error:
            self.close()
            raise RedisTimeoutError("no reply in time") from error
        except OSError as error:
            self.close()
            raise RedisConnectionError(f"the connection was lost: {type(error).__name__}") from error

    def _refused(self, reply: Exception) -> RedisError:
        error = exception(reply)
        if isinstance(error, Demoted):
            self.close()
        return error

    def close(self) -> None:
        """Ends the connection."""
        if self._socket:
            self._socket.close()
            self._socket = None
        if self._finder:
            self._finder.close()

    def _current(self) -> socket.socket:
        """Gives the connection; a new one where this one was not used for a while and leads elsewhere meanwhile."""
        if not self._finder:
            return self._socket or self._connect()
        now = time.monotonic()
        if self._socket and now - self._used > IDLE_SECONDS and self._is_elsewhere():
            self.close()
        self._used = now
        line = self._socket or self._connect()
        line.settimeout(self._patience)
        return line

    def _connect(self) -> socket.socket:
        if self._finder:
            self._place = self._finder.find()
        line = _open(self._destination, self._place)
        try:
            line.settimeout(self._patience)
            self._reader = hiredis.Reader()
            self._greet(line)
        except BaseException:
            line.close()
            raise
        self._socket = line
        self.connections += 1
        return line

    def _greet(self, line: socket.socket) -> None:
        line.sendall(self._destination.greeting)
        for _ in range(self._destination.greetings):
            wrong = refusal(self._read(line))
            if wrong is not None:
                raise wrong

    def _read(self, line: socket.socket) -> Any:
        while (reply := self._reader.gets()) is False:
            data = self._receive(line) if self._finder else line.recv(READ_BYTES)
            if not data:
                raise ConnectionResetError
            self._reader.feed(data)
        return reply

    def _receive(self, line: socket.socket) -> bytes:
        """Waits for bytes; while there are none, asks the Sentinels whether they will come."""
        until = time.monotonic() + self._patience
        line.settimeout(SILENCE_SECONDS)
        while True:
            try:
                return line.recv(READ_BYTES)
            except TimeoutError:
                if time.monotonic() > until or self._is_elsewhere():
                    raise

    def _is_elsewhere(self) -> bool:
        """Tells whether Sentinels name another primary than the one that this connection leads to."""
        try:
            return self._finder is not None and self._finder.find() != self._place
        except (RedisError, OSError):
            # They may be away while Redis is not.
            return False


def _open(to: Destination, place: tuple[str, int]) -> socket.socket:
    if to.path:
        line = socket.socket(socket.AF_UNIX)
        line.settimeout(CONNECT_SECONDS)
        line.connect(to.path)
    else:
        line = socket.create_connection(place, CONNECT_SECONDS)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return to.tls.wrap_socket(line, server_hostname=place[0]) if to.tls else line
