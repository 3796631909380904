"""A part's process while it runs: what it says, when it is ready, when it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.cli.up.part import Part

#: Lines kept for the message about a failure.
LAST_LINES = 10

#: The longest line that is passed on, in bytes.
_LINE_BYTES = 65_536

#: How long to wait for the rest of a dead process's lines, in seconds. Its children may keep the pipe open.
_REST_SECONDS = 0.5


@final
class Child:
    """A process, started by the construction of this object, in a process group of its own.

    Strategy: the end is learnt from the kernel by a pidfd, never from the end of the output, for a grandchild may
    hold the pipe open for long. `asyncio.subprocess` would wait for both.

    Attributes:
        ready: done when the process has said that it is ready, with what is to be told the user.
        ended: done when the process has ended, with its return code as `subprocess` has it.
        last_lines: the last lines that it said.
    """

    def __init__(self, part: Part, heard: Callable[[str], None]) -> None:
        loop = asyncio.get_running_loop()
        self._part = part
        self._heard = heard
        self.ready: asyncio.Future[str] = loop.create_future()
        self.ended: asyncio.Future[int] = loop.create_future()
        self.last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process = subprocess.Popen(  # noqa: S603 - our own command line
            part.command,
            env=part.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            bufsize=0,
            pass_fds=part.descriptors,
            process_group=0,  # Ctrl-C at the terminal is for us, who know the order to stop in
        )
        self._pidfd = os.pidfd_open(self._process.pid)
        loop.add_reader(self._pidfd, self._reap)
        self._listener = loop.create_task(self._listen())

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def terminate(self) -> None:
        """Asks the process to end."""
        self._process.terminate()

    def kill(self) -> None:
        """Kills the process and all that it started in its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def settle(self) -> None:
        """Waits for the rest of what a dead process said."""
        await self.ended
        await asyncio.wait({self._listener}, timeout=_REST_SECONDS)
        self._listener.cancel()

    def _reap(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.ended.set_result(self._process.wait())

    async def _listen(self) -> None:
        reader = asyncio.StreamReader(limit=_LINE_BYTES)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout
        )
        try:
            while line := await _line(reader):
                self._take(line.decode("utf-8", "replace").rstrip())
        finally:
            pipe.close()

    def _take(self, line: str) -> None:
        found = self._part.ready.search(line)
        if found is not None and not self.ready.done():
            self.ready.set_result(found[1] if found.re.groups else "")
            return
        self.last_lines.append(line)
        if not self._part.quiet:
            self._heard(line)


async def _line(reader: asyncio.StreamReader) -> bytes:
    """Reads one line; empty at the end. A line beyond the limit is left out, and said to be."""
    try:
        return await reader.readline()
    except ValueError:
        return b"(a line too long to show)\n"
