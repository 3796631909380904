"""Templates as real processes."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pullback.evaluator import Evaluator, Job, Template
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STUB = Path(__file__).with_name("stub_template.py")

# How long a process may take to end that was told to, in milliseconds. Reached only where a test fails.
END_MS = 20_000


@pytest.fixture
def make_template(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Template]]:
    """Starts templates with the stub engine, in a worker that has secrets; stops them at the end."""
    monkeypatch.setenv("PULLBACK_REDIS_URL", "redis://:secret@localhost")
    monkeypatch.setenv("SOME_TOKEN", "secret")
    made: list[Template] = []

    def make(device: str = "cpu") -> Template:
        made.append(Template(device=device, worker="here", program=[str(STUB), "bare"]))
        made[-1].start()
        return made[-1]

    yield make
    for template in made:
        template.stop()


@pytest.fixture
def template(make_template: Callable[[], Template]) -> Template:
    """A template with the stub engine."""
    return make_template()


@pytest.fixture
def evaluator(template: Template) -> Iterator[Evaluator]:
    """An evaluator with the stub engine."""
    with Evaluator.connect(template.address) as evaluator:
        yield evaluator


@pytest.fixture
def make_job() -> Callable[..., Job]:
    """Makes jobs that are accepted now."""

    def make(program: str, *, left: float = 60.0, deaths: int = 0) -> Job:
        now_ms = round(time.time() * 1_000)
        evaluation = pb.Evaluation(program=program).SerializeToString()
        return Job(program, evaluation, now_ms, now_ms + round(left * 1_000), deaths)

    return make


class Watch:
    """Knows when a process has ended, without being its parent."""

    def __init__(self, pid: int) -> None:
        self._fd = os.pidfd_open(pid)

    def ended(self, within_ms: int = END_MS) -> bool:
        """Waits for the end."""
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return bool(poll.poll(within_ms))

    def close(self) -> None:
        """Stops watching."""
        os.close(self._fd)


@pytest.fixture
def watch() -> Iterator[Callable[[int], Watch]]:
    """Watches processes by id."""
    made: list[Watch] = []

    def make(pid: int) -> Watch:
        made.append(Watch(pid))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Gate:
    """A program that hangs, and the moment at which it begins to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        os.mkfifo(path)
        self.program = f"hang {path}"

    def wait(self) -> None:
        """Waits until an evaluator runs the program: to open a pipe waits for the other side."""
        self._path.open("rb").close()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """A program that hangs."""
    return Gate(tmp_path / "gate")
