"""Waiting for the event loop, where it is the loop's turns that a test is about."""

from __future__ import annotations

import asyncio


async def turn() -> None:
    """Waits until the loop has called all that it was asked to call before."""
    loop = asyncio.get_running_loop()
    called = loop.create_future()
    loop.call_soon(called.set_result, None)
    await called
