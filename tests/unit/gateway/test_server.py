from __future__ import annotations

import asyncio

import pytest
from tests.turns import turn

from pullback.gateway.server import _end


async def test_a_work_that_takes_a_cancellation_for_something_else_is_ended() -> None:
    """It is told again until it ends."""
    told = 0

    async def stubborn() -> None:
        nonlocal told
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                told += 1
                if told > 2:
                    raise

    task = asyncio.create_task(stubborn())
    await turn()
    await _end(task)
    assert (told, task.cancelled()) == (3, True)


async def test_what_a_work_failed_with_is_not_lost() -> None:
    """It is raised where the work is ended."""

    async def failing() -> None:
        raise KeyError("why")

    task = asyncio.create_task(failing())
    await turn()
    with pytest.raises(KeyError, match="why"):
        await _end(task)
