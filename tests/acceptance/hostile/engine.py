"""A template whose evaluators misbehave on demand, where a comment in a program says how.

The op table lets nothing through that is known to crash, so a crash has to be made. It happens where a kernel's would:
in an evaluator, under its filter and bounds, in the middle of a batch. What has no such comment is computed as ever.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from typing import TYPE_CHECKING

from pullback.engine import Engine, configure_torch, engine_version
from pullback.evaluator.serve import Compute
from pullback.evaluator.state import State
from pullback.evaluator.template import run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pullback.contract.errors import PullbackError
    from pullback.evaluator.options import Options
    from pullback.v1 import evaluation_pb2 as pb

MARK = re.compile(r"# drill: (\w+)")

# Bytes taken at a time by what takes all there are.
PIECE = 1 << 26


def _crash() -> None:
    ctypes.string_at(0)


def _corrupt() -> None:
    os.write(2, b"free(): invalid pointer\n")
    os.abort()


def _hang() -> None:
    # With Python's lock held throughout, as a kernel without end does.
    ctypes.PyDLL(None).pause()


def _spin() -> None:
    while True:
        pass


def _devour() -> None:
    taken = [bytes(PIECE)]
    while True:
        taken.append(bytes(PIECE))


def _starve() -> None:
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n")
    os.abort()


def _attack() -> None:
    os.execv(sys.executable, [sys.executable])  # noqa: S606 - must not succeed


def _spoil() -> None:
    sys.setrecursionlimit(sys.getrecursionlimit() + 1)


MISDEEDS: dict[str, Callable[[], None]] = {
    "crash": _crash,
    "corrupt": _corrupt,
    "hang": _hang,
    "spin": _spin,
    "devour": _devour,
    "starve": _starve,
    "attack": _attack,
    "spoil": _spoil,
}


def _start(options: Options) -> Compute:
    engine = Engine(device=options.device, worker=options.worker, limits=options.limits)

    def evaluate_many(evaluations: Sequence[pb.Evaluation]) -> Sequence[pb.Result | PullbackError]:
        for each in evaluations:
            if found := MARK.search(each.program):
                MISDEEDS[found[1]]()
        return engine.evaluate_many(evaluations)

    return Compute(engine_version(), evaluate_many, State().changes)


if __name__ == "__main__":
    configure_torch()
    run(sys.argv[1:], _start)
