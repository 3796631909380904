"""Brings the parts up in order, watches over them, and takes them down in the opposite order."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, final

from pullback.cli.up.keeper import Keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.cli.up.part import Part

#: Ctrl-C, a polite stop, and a terminal that was closed.
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@final
class Supervisor:
    """Runs parts until a signal comes or one of them cannot be kept up.

    Args:
        stages: the parts. Those of one stage start together, once those of the stage before are ready.
        say: takes each line for the user.
        all_ready: called once, when every part is ready.
    """

    def __init__(
        self, stages: Sequence[Sequence[Part]], say: Callable[[str], None], all_ready: Callable[[], None]
    ) -> None:
        self._stages = [[Keeper(part, say) for part in stage] for stage in stages]
        self._say = say
        self._all_ready = all_ready
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._tasks: list[asyncio.Task[str]] = []

    async def run(self) -> str | None:
        """Runs the parts.

        Returns:
            Why it ended, where that was not a signal.
        """
        loop = asyncio.get_running_loop()
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        try:
            return await self._until_failure_or_signal()
        finally:
            await self._take_down()

    def _on_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
            return
        self._say("stopping; once more to kill")
        self._stop.set()

    async def _until_failure_or_signal(self) -> str | None:
        stop = asyncio.create_task(self._stop.wait())
        try:
            for stage in self._stages:
                ready = asyncio.create_task(_all_were_ready(stage))
                self._tasks += [asyncio.create_task(keeper.run()) for keeper in stage]
                await _first_of(stop, ready, *self._tasks)
                if not ready.done():
                    ready.cancel()
                    return self._failure()
            self._all_ready()
            await _first_of(stop, *self._tasks)
            return self._failure()
        finally:
            stop.cancel()

    def _failure(self) -> str | None:
        return next((task.result() for task in self._tasks if task.done()), None)

    async def _take_down(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        # Last started, first stopped: no gateway without a worker, and neither without Redis.
        for stage in reversed(self._stages):
            for keeper in reversed(stage):
                await keeper.stop(self._hurry)


async def _all_were_ready(stage: Sequence[Keeper]) -> None:
    for keeper in stage:
        await keeper.was_ready.wait()


async def _first_of(*tasks: asyncio.Task[object]) -> None:
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
