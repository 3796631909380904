"""Calls at a fixed rate.

Strategy: a call is begun when it is due, whether or not earlier ones were answered, and is timed from when it was
due. A stall is then felt by every call that falls into it; callers that wait for each other would hide it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


async def paced(
    call: Callable[[], Awaitable[None]], interval: float, seconds: float
) -> tuple[list[float], float]:
    """Begins a call every `interval` seconds; returns the seconds each took, and those of the whole."""

    async def timed(due: float) -> float:
        await call()
        return time.perf_counter() - due

    start = time.perf_counter()
    calls = []
    for number in range(int(seconds / interval)):
        due = start + number * interval
        await asyncio.sleep(due - time.perf_counter())
        calls.append(asyncio.create_task(timed(due)))
    laps = await asyncio.gather(*calls)
    return laps, time.perf_counter() - start
