"""A gateway or a worker as ever, which kills itself right before or right after the run of a script, where told to.

Usage: doomed.py ROLE FOLDER. What is to happen is in FOLDER/doom: role, script, `before` or `after`, and which run
of it from now on. The process that does it takes that file away first, so that nobody does it twice.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from redis.commands.core import AsyncScript
from redis.commands.core import Script as SyncScript

from pullback.broker import Line, Pipe, scripts
from pullback.broker.pipe import Script

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = {source: name for name, source in scripts._SOURCES.items()}
DIGESTS = {Script(source).digest: name for source, name in NAMES.items()}

# What crashes on demand, as the drill of hostile programs has it.
ENGINE = Path(__file__).parents[1] / "hostile" / "engine.py"


class Doom:
    """What is to happen to this process."""

    def __init__(self, role: str, folder: Path) -> None:
        self._role = role
        self._order = folder / "doom"
        self._taken = folder / "fired"
        self._seen = ""
        self._runs = 0

    def near(self, script: str | None, moment: str) -> None:
        """Called at each such moment; does not return where this is the one."""
        try:
            order = self._order.read_text()
        except FileNotFoundError:
            return
        if order != self._seen:
            self._seen, self._runs = order, 0
        role, doomed, when, which = order.split()
        if (role, doomed, when) != (self._role, script, moment):
            return
        self._runs += 1
        if self._runs < int(which):
            return
        with suppress(FileNotFoundError):
            self._order.rename(self._taken)
            os.kill(os.getpid(), signal.SIGKILL)


def patch(doom: Doom) -> None:
    """Puts the doom on every way by which a script is sent."""
    _patch_pipe(doom)
    _patch_line(doom)
    _patch_clients(doom)


def _patch_pipe(doom: Doom) -> None:
    run = Pipe.run

    def doomed_run(
        self: Pipe, script: Script, keys: Any, arguments: Any, receive: Callable[[Any], None]
    ) -> None:
        name = NAMES.get(script.source)
        doom.near(name, "before")

        def received(reply: Any) -> None:
            if not isinstance(reply, Exception):
                doom.near(name, "after")
            receive(reply)

        run(self, script, keys, arguments, received)

    Pipe.run = doomed_run  # type: ignore[method-assign]


def _patch_line(doom: Doom) -> None:
    calls = Line.calls
    call = Line.call

    def doomed_calls(self: Line, *commands: tuple[Any, ...]) -> list[Any]:
        names = [_name_of(command) for command in commands]
        for name in names:
            doom.near(name, "before")
        replies = calls(self, *commands)
        for name, reply in zip(names, replies, strict=True):
            if not isinstance(reply, Exception):
                doom.near(name, "after")
        return replies

    def doomed_call(self: Line, *command: Any) -> Any:
        name = _name_of(command)
        doom.near(name, "before")
        reply = call(self, *command)
        doom.near(name, "after")
        return reply

    Line.calls = doomed_calls  # type: ignore[method-assign]
    Line.call = doomed_call  # type: ignore[method-assign]


def _name_of(command: tuple[Any, ...]) -> str | None:
    match command:
        case ("EVALSHA", digest, *_):
            return DIGESTS.get(digest)
        case ("EVAL", source, *_):
            return NAMES.get(source)
    return None


def _patch_clients(doom: Doom) -> None:
    sync_call, async_call = SyncScript.__call__, AsyncScript.__call__

    def doomed_sync(self: Any, *args: Any, **more: Any) -> Any:
        name = NAMES.get(self.script)
        doom.near(name, "before")
        reply = sync_call(self, *args, **more)
        doom.near(name, "after")
        return reply

    async def doomed_async(self: Any, *args: Any, **more: Any) -> Any:
        name = NAMES.get(self.script)
        doom.near(name, "before")
        reply = await async_call(self, *args, **more)
        doom.near(name, "after")
        return reply

    SyncScript.__call__ = doomed_sync  # type: ignore[method-assign]
    AsyncScript.__call__ = doomed_async  # type: ignore[method-assign]


def _main(role: str, folder: str) -> int:
    patch(Doom(role, Path(folder)))
    if role == "gateway":
        from pullback.gateway.__main__ import main as gateway  # noqa: PLC0415 - each process has its own

        return gateway()
    from pullback.worker.__main__ import main as worker  # noqa: PLC0415 - each process has its own

    return worker([str(ENGINE)])


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:3]))
