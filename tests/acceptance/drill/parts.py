"""One process of a system under drill: started, and started again when it dies, as a service manager would."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any, final

import psutil
from tests.acceptance.drill.waiting import first_of, passes

from pullback.cli.up.child import Child

if TYPE_CHECKING:
    from pathlib import Path

    from pullback.cli.up.part import Part

# What a service manager lets pass before it starts a dead process again, in seconds: `pullback up` does so too.
RESTART_SECONDS = 0.2


@final
class Kept:
    """A part that is kept running. Unlike `pullback up`, this never gives up: the deaths are on purpose.

    Attributes:
        part: what is kept.
        up: set while it is ready.
        may_run: clear while it is to stay down after a death.
    """

    def __init__(self, part: Part, log: Path) -> None:
        self.part = part
        self.up = asyncio.Event()
        self.may_run = asyncio.Event()
        self.may_run.set()
        self._log = log.open("a", encoding="utf-8")
        self._child: Child | None = None
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """The process id of the last that was started."""
        assert self._child is not None
        return self._child.pid

    @property
    def process(self) -> psutil.Process:
        """The process that was started last."""
        return psutil.Process(self.pid)

    def start(self) -> None:
        """Begins to keep it."""
        self._task = asyncio.get_running_loop().create_task(self._keep(), name=self.part.name)

    async def ready(self) -> None:
        """Waits until it is ready.

        Raises:
            AssertionError: it is not, within its time.
        """
        if not await first_of(self.up.wait(), seconds=self.part.ready_seconds):
            raise AssertionError(f"{self.part.name} is not ready; its log is {self._log.name}")

    def signal(self, number: signal.Signals) -> None:
        """Sends it a signal."""
        if number == signal.SIGKILL:
            self.up.clear()
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def stop(self) -> None:
        """Ends it, politely at first."""
        self._stopping.set()
        child = self._child
        if child is not None and not child.ended.done():
            self.signal(signal.SIGCONT)
            child.terminate()
            await asyncio.wait([child.ended], timeout=self.part.stop_seconds)
            child.kill()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._log.close()

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            child = self._child = Child(self.part, self._heard)
            either: set[asyncio.Future[Any]] = {child.ready, child.ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if child.ready.done():
                self._heard("(ready)")
                self.up.set()
            status = await child.ended
            self.up.clear()
            await child.settle()
            self._heard(f"(ended: {status})")
            await passes(RESTART_SECONDS, self._stopping)
            await self.may_run.wait()

    def _heard(self, line: str) -> None:
        self._log.write(f"{asyncio.get_running_loop().time():.3f} {line}\n")
        self._log.flush()
