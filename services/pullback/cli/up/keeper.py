"""Keeps one part running: starts it, waits until it is ready, and starts it again when it dies."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Any, final

from pullback.cli.up.child import Child
from pullback.cli.up.policy import RestartPolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pullback.cli.up.part import Part


@final
class Keeper:
    """The keeper of one part.

    Attributes:
        part: what is kept.
        was_ready: set once the part has been ready.
    """

    def __init__(self, part: Part, say: Callable[[str], None]) -> None:
        self.part = part
        self.was_ready = asyncio.Event()
        self._say = say
        self._child: Child | None = None
        self._policy = RestartPolicy()

    async def run(self) -> str:
        """Keeps the part up for as long as that makes sense.

        Returns:
            Why it was given up: it has died too often, or has never been ready.
        """
        while True:
            child = self._child = Child(self.part, self._pass_on)
            failure = await self._failure_to_start(child)
            lived_seconds = 0.0
            if failure is None:
                lived_seconds = await self._life(child)
                failure = f"{self.part.name} died ({_how(child.ended.result())})"
            await child.settle()
            # What has never worked is set up wrongly: the user should hear that at once, and not five times.
            delay = self._policy.after_death(lived_seconds) if self.was_ready.is_set() else None
            if delay is None:
                return "\n    ".join((f"{failure}. The last that it said:", *child.last_lines))
            self._say(f"{failure}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    async def stop(self, hurry: asyncio.Event) -> None:
        """Ends the part.

        Args:
            hurry: when this is set, the part is killed at once.
        """
        child = self._child
        if child is None:
            return
        if not child.ended.done():
            child.terminate()
            hurried = asyncio.create_task(hurry.wait())
            await _first_of(child.ended, hurried, seconds=self.part.stop_seconds)
            hurried.cancel()
        if not child.ended.done():
            reason = "" if hurry.is_set() else f", for it did not end within {self.part.stop_seconds:g} s"
            self._say(f"{self.part.name} is killed{reason}")
            child.kill()
        await child.settle()
        self._say(f"{self.part.name} is stopped")

    async def _failure_to_start(self, child: Child) -> str | None:
        await _first_of(child.ready, child.ended, seconds=self.part.ready_seconds)
        if child.ready.done():
            return None
        if child.ended.done():
            return f"{self.part.name} died before it was ready ({_how(child.ended.result())})"
        child.kill()
        await child.ended
        return f"{self.part.name} was not ready within {self.part.ready_seconds:g} s"

    async def _life(self, child: Child) -> float:
        detail = child.ready.result()
        self._say(f"{self.part.name} is ready{': ' if detail else ''}{detail}")
        self.was_ready.set()
        clock = asyncio.get_running_loop().time
        start = clock()
        await asyncio.wait({child.ended})
        return clock() - start

    def _pass_on(self, line: str) -> None:
        self._say(f"{self.part.name} | {line}")


async def _first_of(*futures: asyncio.Future[Any], seconds: float) -> None:
    await asyncio.wait(futures, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


def _how(return_code: int) -> str:
    if return_code < 0:
        return signal.Signals(-return_code).name
    return f"exit status {return_code}"
