"""The command line as a process of its own, with and without a terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, final

if TYPE_CHECKING:
    from collections.abc import Sequence

PULLBACK = Path(sys.executable).with_name("pullback")

# Seconds after which a test that waits has failed.
PATIENCE = 60.0


@final
class Running:
    """A command whose messages are read as they come.

    Attributes:
        text: what was read so far.
    """

    def __init__(
        self,
        words: Sequence[str],
        address: str,
        *,
        terminal: bool = False,
        cwd: Path | None = None,
        most_blocks: int | None = None,
    ) -> None:
        """Starts it.

        Args:
            words: the command's arguments.
            address: of the service.
            terminal: whether it finds a terminal, on which it can ask.
            cwd: the folder that it runs in.
            most_blocks: the longest that a file may become that it writes, in blocks of 512 bytes; None for any length.
        """
        self.text = ""
        self._reads, writes = pty.openpty() if terminal else os.pipe()
        environment = {**os.environ, "PULLBACK_ADDRESS": address, "TERM": "xterm", "COLUMNS": "100"}
        limited = (
            [] if most_blocks is None else ["/bin/sh", "-c", f'ulimit -f {most_blocks}; exec "$@"', "sh"]
        )
        self.process = subprocess.Popen(
            [*limited, str(PULLBACK), *words],
            env=environment,
            stdin=writes if terminal else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=writes,
            text=True,
            cwd=cwd,
            start_new_session=True,
        )
        os.close(writes)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.process.wait()
        os.close(self._reads)

    def wait_for(self, pattern: str) -> str:
        """Reads on until the text that was not looked at yet has a match; gives it."""
        deadline, seen = time.monotonic() + PATIENCE, ""
        while (found := re.search(pattern, seen)) is None:
            ready, _, _ = select.select([self._reads], [], [], deadline - time.monotonic())
            try:
                data = os.read(self._reads, 65_536) if ready else b""
            except OSError:  # how a pty says that its other end was closed
                data = b""
            assert data, f"no {pattern!r} came in:\n{self.text}"
            seen += data.decode()
            self.text += data.decode()
        return found[0]

    def type(self, text: str) -> None:
        """Types into the terminal."""
        os.write(self._reads, text.encode())

    def end(self) -> tuple[int, str]:
        """Waits for the end; gives the exit status and what was printed on standard output."""
        assert self.process.stdout is not None
        sources: list[Any] = [self._reads, self.process.stdout]
        while True:
            ready, _, _ = select.select(sources, [], [], PATIENCE)
            assert ready, self.text
            if self._reads not in ready:
                break
            try:
                data = os.read(self._reads, 65_536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode()
        output = self.process.stdout.read()
        return self.process.wait(PATIENCE), output

    def rest(self) -> str:
        """Gives what was not read yet of an ended command's messages."""
        found = b""
        while data := os.read(self._reads, 65_536):
            found += data
        return found.decode()
