"""A Redis that is lost for good, and another that takes its place, as Sentinels decide."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, TypeVar, final

from tests.acceptance.drill.stage import Layout, Stage
from tests.watched import WatchedRedis

from pullback.broker.embedded import find_server

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from tests.acceptance.drill.moment import Moment

T = TypeVar("T")


@final
class Failover:
    """Harm: the primary is killed, and stays away until another is the primary."""

    def __init__(self, settings: Mapping[str, str] | None = None) -> None:
        """Takes what gateways and workers are set to."""
        self._settings = settings or {}
        self._watched: dict[Stage, tuple[WatchedRedis, ThreadPoolExecutor]] = {}

    @asynccontextmanager
    async def stage(self, folder: Path) -> AsyncIterator[Stage]:
        """Makes a system with a primary, a replica and three Sentinels."""
        # One thread, which stays: servers end with the thread that started them.
        thread = ThreadPoolExecutor(1)
        watched = WatchedRedis(folder / "watched", find_server(), sentinels=3, down_after_ms=2_000)
        try:
            await _in(thread, watched.__enter__)
            try:
                async with Stage(folder, Layout(settings=self._settings), url=watched.url) as stage:
                    self._watched[stage] = (watched, thread)
                    yield stage
            finally:
                await _in(thread, watched.__exit__)
        finally:
            thread.shutdown()

    async def __call__(self, stage: Stage, _: random.Random, moment: Moment) -> None:
        """Kills the primary; lets it return as a replica when it is no longer the primary."""
        watched, thread = self._watched[stage]
        lost = await _in(thread, watched.primary)
        await moment.under_way()
        await _in(thread, lost.kill)
        await _in(thread, partial(watched.wait_for_switch, lost))
        await _in(thread, partial(watched.rejoin, lost))


async def _in(thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(thread, work)
