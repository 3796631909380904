"""A template whose engine does what a program's first word says. Run by the tests of real processes.

Usage: stub_template.py [bare] OPTIONS. A bare one does not harden its evaluators, which can tell by a pipe that they
begin to hang.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import TYPE_CHECKING

from pullback.contract.errors import ProgramError, PullbackError
from pullback.evaluator.hardening import Protections
from pullback.evaluator.serve import Compute
from pullback.evaluator.template import run
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.evaluator.options import Options


def evaluate_many(evaluations: Sequence[pb.Evaluation]) -> Sequence[pb.Result | PullbackError]:
    """Obeys every program in turn."""
    return [_obey(each.program) for each in evaluations]


def _obey(program: str) -> pb.Result | PullbackError:
    match program.split():
        case ["hang", *paths]:
            for path in paths:
                os.close(os.open(path, os.O_WRONLY))
            # Unlike CDLL, PyDLL keeps Python's global lock: this is what native code looks like at its worst.
            ctypes.PyDLL(None).pause()
        case ["crash", name]:
            os.kill(os.getpid(), signal.Signals[name])
        case ["exit", code]:
            os._exit(int(code))
        case ["raise"]:
            raise ValueError(program)
        case ["refuse"]:
            return ProgramError("refused")
    return pb.Result(printed=program)


class Bare:
    """Takes nothing from evaluators but the descriptors that they inherit."""

    protections = Protections(())

    def isolate(self, connection_fd: int) -> None:
        """Closes descriptors."""
        os.closerange(3, connection_fd)
        os.closerange(connection_fd + 1, 100)

    def confine(self) -> None:
        """Does nothing."""


def _start(options: Options) -> Compute:
    if options.device != "cpu":
        raise RuntimeError(f"there is no {options.device}")
    return Compute("stub", evaluate_many)


if __name__ == "__main__":
    if sys.argv[1] == "bare":
        run(sys.argv[2:], _start, Bare())
    else:
        run(sys.argv[1:], _start)
    # As when an evaluator ends at the last moment.
    signal.raise_signal(signal.SIGCHLD)
