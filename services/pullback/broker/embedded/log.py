"""What a server says: read to its end, or its pipe would fill, and watched for the word that it is ready."""

from __future__ import annotations

import threading
from collections import deque
from typing import IO, final

from pullback.broker.embedded.launch import READY_TEXT

#: Lines kept for an error's message.
_LAST_LINES = 5

#: How long to wait for the rest of a dead server's lines, in s. A snapshot child may hold the pipe open.
_REST_SECONDS = 1.0


@final
class ServerLog:
    """Reads a server's output in a thread of its own."""

    def __init__(self, output: IO[str]) -> None:
        self._output = output
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._ready = False
        self._ready_or_ended = threading.Event()
        self._reader = threading.Thread(target=self._read, name="redis-log", daemon=True)
        self._reader.start()

    def wait_until_ready(self, seconds: float) -> bool:
        """Waits until the server takes commands; False when it ended instead, or the time is up."""
        self._ready_or_ended.wait(seconds)
        return self._ready

    def last_lines(self) -> str:
        """Gives the last lines of a server that ended."""
        self.close()
        return "\n".join(self._last)

    def close(self) -> None:
        """Waits for the end of a dead server's output."""
        self._reader.join(_REST_SECONDS)

    def _read(self) -> None:
        with self._output:
            for line in self._output:
                self._last.append(line.rstrip())
                if READY_TEXT in line:
                    self._ready = True
                    self._ready_or_ended.set()
        self._ready_or_ended.set()
