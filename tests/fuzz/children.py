"""Runs cases in children that may die, and says what became of each."""

from __future__ import annotations

import faulthandler
import io
import logging
import mmap
import os
import resource
import select
import signal
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.errors import InternalFault, PullbackError
from pullback.engine import Engine
from pullback.engine.wire import write
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.fuzz.edges import Case

# The longest that one case may take, in seconds. What takes longer hangs, on any machine that this is run on.
CASE_SECONDS = 30

# Address space of a child, in bytes: room for torch, and for what the limits on one evaluation allow.
CHILD_BYTES = 6 * 2**30

_INDEX = struct.Struct("<q")


@dataclass(frozen=True)
class Finding:
    """A case that ended as none may end.

    Attributes:
        case: the case.
        what: a signal, a hang, or the engine's log of its own fault.
    """

    case: Case
    what: str

    def __str__(self) -> str:
        return f"{self.case}\n    {self.what}"


def findings(cases: Sequence[Case]) -> Iterator[Finding]:
    """Runs cases in order, in one child after another: a new one where the last one died."""
    start = 0
    while start < len(cases):
        index, what, faults = _child(cases, start)
        for at, text in faults:
            yield Finding(cases[at], text)
        if what:
            yield Finding(cases[index], what)
        start = index + 1


def _child(cases: Sequence[Case], start: int) -> tuple[int, str, list[tuple[int, str]]]:
    """Runs cases from one on. Gives the last one begun, what ended the child there, and the faults on the way."""
    place = mmap.mmap(-1, _INDEX.size)
    _INDEX.pack_into(place, 0, start)
    read, written = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        _run(cases, start, place, written)
    os.close(written)
    text, hung = _watch(pid, read, place)
    _, status = os.waitpid(pid, 0)
    os.close(read)
    (index,) = _INDEX.unpack_from(place, 0)
    faults = [
        (int(number), log.replace("\x01", "\n"))
        for number, _, log in (line.partition(" ") for line in text.splitlines())
    ]
    if hung:
        return index, f"hung for {CASE_SECONDS} s", faults
    if os.WIFSIGNALED(status):
        return index, f"ended by {signal.Signals(os.WTERMSIG(status)).name}", faults
    if os.WEXITSTATUS(status):
        return index, f"left with status {os.WEXITSTATUS(status)}", faults
    return len(cases), "", faults


def _watch(pid: int, read: int, place: mmap.mmap) -> tuple[str, bool]:
    """Reads what a child says until it ends, or until one case has taken too long: then it is killed."""
    parts: list[bytes] = []
    last, since = -1, time.monotonic()
    while True:
        ready, _, _ = select.select([read], [], [], 1.0)
        if ready:
            part = os.read(read, 65_536)
            if not part:
                return b"".join(parts).decode(errors="replace"), False
            parts.append(part)
        (index,) = _INDEX.unpack_from(place, 0)
        if index != last:
            last, since = index, time.monotonic()
        elif time.monotonic() - since > CASE_SECONDS:
            os.kill(pid, signal.SIGKILL)
            return b"".join(parts).decode(errors="replace"), True


def _run(cases: Sequence[Case], start: int, place: mmap.mmap, written: int) -> None:
    """The child: never returns."""
    status = 1
    try:
        faulthandler.disable()
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (CHILD_BYTES, CHILD_BYTES))
        log = io.StringIO()
        logging.basicConfig(stream=log, force=True)
        engine = Engine(worker="fuzz")
        for index in range(start, len(cases)):
            _INDEX.pack_into(place, 0, index)
            for evaluation in _evaluations(cases[index]):
                outcome = engine.evaluate_many([evaluation])[0]
                if not isinstance(outcome, (evaluation_pb2.Result, PullbackError)) or isinstance(
                    outcome, InternalFault
                ):
                    text = log.getvalue().strip().replace("\n", "\x01") or repr(outcome)
                    os.write(written, f"{index} {text}\n".encode())
                log.seek(0)
                log.truncate()
        status = 0
    finally:
        os._exit(status)


def _evaluations(case: Case) -> Iterator[evaluation_pb2.Evaluation]:
    """Gives a case by its value, and by the gradient of the sum of its value, or of its first part."""
    for tail in ("", "\nz = y.abs().sum()", "\nz = y[0].abs().sum()"):
        evaluation = evaluation_pb2.Evaluation(program=case.program + tail)
        if not tail:
            evaluation.value_only.SetInParent()
        for name, value in case.inputs.items():
            evaluation.inputs[name].CopyFrom(write(value))
        yield evaluation
