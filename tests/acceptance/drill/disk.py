"""A disk that fills up: Redis keeps its files on a small one of their own."""

from __future__ import annotations

import asyncio
import errno
import os
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from tests.acceptance.drill.scenario import Skip
from tests.acceptance.drill.stage import Layout, Stage
from tests.acceptance.drill.waiting import passes

if TYPE_CHECKING:
    import random
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.acceptance.drill.moment import Moment

# Size of the disk, in MiB, and of the append-only file from which on it is rewritten: what is left holds both files
# while that lasts.
DISK_MIB = 768
REWRITE_MIB = 64

# How long the disk stays full, in seconds.
SHORTEST_SECONDS, LONGEST_SECONDS = 1.0, 8.0

_FILLER = "filler"
_PIECE = bytes(1 << 20)


@asynccontextmanager
async def small_disk(folder: Path) -> AsyncIterator[Stage]:
    """Makes a system whose Redis has a small disk."""
    data = folder / "disk"
    data.mkdir()
    await _mount(data)
    try:
        more = f"auto-aof-rewrite-min-size {REWRITE_MIB}mb\n"
        async with Stage(folder, Layout(more_config=more), data=data) as stage:
            yield stage
    finally:
        await _run("umount", str(data))


async def fill_disk(stage: Stage, chance: random.Random, moment: Moment) -> None:
    """Fills the disk to its last byte, and makes room again after a while."""
    filler = stage.data / _FILLER
    await asyncio.to_thread(_fill, filler)
    try:
        await passes(chance.uniform(SHORTEST_SECONDS, LONGEST_SECONDS))
    finally:
        moment.now()
        filler.unlink()


def _fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file:
        piece = _PIECE
        while piece:
            try:
                file.write(piece)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                piece = piece[: len(piece) // 2]


async def _mount(folder: Path) -> None:
    options = f"size={DISK_MIB}m,mode=700,uid={os.getuid()}"
    if await _run("mount", "-t", "tmpfs", "-o", options, "pullback-drill", str(folder)):
        raise Skip("mounting a tmpfs is not allowed here")


async def _run(*command: str) -> int:
    with suppress(FileNotFoundError):
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        return await process.wait()
    return 1
