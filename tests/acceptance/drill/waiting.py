"""Waiting for events, with a limit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def first_of(*events: Coroutine[Any, Any, Any], seconds: float | None) -> bool:
    """Waits for the first of several events; False where none of them came in time."""
    tasks = [asyncio.ensure_future(event) for event in events]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    return bool(done)


async def passes(seconds: float, stop: asyncio.Event | None = None) -> bool:
    """Lets time pass, which is what a fault that lasts and a load at a rate are made of; True where `stop` was set."""
    return await first_of((stop or asyncio.Event()).wait(), seconds=seconds)
