from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING

import psutil

from pullback.cli.up.child import Child
from pullback.cli.up.part import Part

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

import pytest

# A child that hands its output on to a grandchild and dies; the grandchild waits for a signal.
_LEAVES_A_GRANDCHILD = """
import os, signal
if os.fork():
    print("dying", flush=True)
    os._exit(3)
signal.pause()
"""


def _part(program: str) -> Part:
    return Part(
        name="part",
        command=(sys.executable, "-c", program),
        environment=dict(os.environ),
        ready=re.compile("ready: (.*)"),
        ready_seconds=30.0,
        stop_seconds=30.0,
    )


@pytest.fixture
async def start() -> AsyncIterator[Callable[[str], tuple[Child, list[str]]]]:
    """Starts a Python program as a part's process; gives it and the lines heard so far."""
    children: list[Child] = []

    def run(program: str) -> tuple[Child, list[str]]:
        heard: list[str] = []
        children.append(Child(_part(program), heard.append))
        return children[-1], heard

    yield run
    for child in children:
        child.kill()
        await child.settle()


async def test_the_ready_line_is_taken_and_other_lines_are_passed_on(
    start: Callable[[str], tuple[Child, list[str]]],
) -> None:
    """What comes before and after the ready line is heard, from both of the child's outputs."""
    child, heard = start(
        "import sys; print('one', flush=True); print('ready: here', flush=True); print('two', file=sys.stderr)"
    )
    assert await child.ready == "here"
    assert await child.ended == 0
    await child.settle()
    assert heard == ["one", "two"]


async def test_a_death_is_seen_while_a_grandchild_holds_the_output(
    start: Callable[[str], tuple[Child, list[str]]],
) -> None:
    """The end of a process is known at once, whoever still has its pipe open."""
    child, heard = start(_LEAVES_A_GRANDCHILD)
    assert await child.ended == 3
    await child.settle()
    assert heard == ["dying"]


async def test_kill_takes_the_grandchildren_along(start: Callable[[str], tuple[Child, list[str]]]) -> None:
    """A process and what it started in its group are killed together."""
    child, _ = start(
        "import subprocess, sys\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'])\n"
        "print('ready:', p.pid, flush=True)\n"
        "p.wait()"
    )
    grandchild = psutil.Process(int(await child.ready))
    child.kill()
    assert await child.ended == -9
    await asyncio.to_thread(grandchild.wait, 30)
    assert not grandchild.is_running()


async def test_a_line_too_long_to_show_does_not_end_the_listening(
    start: Callable[[str], tuple[Child, list[str]]],
) -> None:
    """A part may print a megabyte without a newline, and is still heard after it."""
    child, heard = start("print('x' * 2**20); print('after')")
    await child.ended
    await child.settle()
    assert heard[-1] == "after"
    assert max(map(len, heard)) < 2**17


async def test_only_the_last_lines_are_kept(start: Callable[[str], tuple[Child, list[str]]]) -> None:
    """For the message about a failure, ten lines are remembered, however much was said."""
    child, heard = start("print(*range(1000), sep='\\n')")
    await child.ended
    await child.settle()
    assert len(heard) == 1000
    assert list(child.last_lines) == [str(number) for number in range(990, 1000)]
