"""Arguments at their edges, for every row of the op table: nothing but an answer may come of them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from tests.fuzz.children import findings
from tests.fuzz.edges import Case, Mutable
from tests.fuzz.samples import samples
from tests.fuzz.sweep import cases

from pullback.contract.program.ops import OPS
from pullback.engine import calls
from pullback.engine.bindings import BINDINGS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]

# One of so many edges of each argument is tried here; `python -m tests.fuzz.sweep` tries them all, and pairs of them.
EVERY = 40

# Written as an assignment of None, which takes nothing else.
CLEAR = "Tensor.grad.clear"


def test_no_edge_of_any_row_ends_the_process() -> None:
    """A sample of single edges for every row, in children: no signal, no hang, and no fault of the engine."""
    command = [sys.executable, "-m", "tests.fuzz.sweep", "--seconds", "0", "--every", str(EVERY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]


def test_every_row_is_swept() -> None:
    """A row that takes an argument has more cases than its legal calls."""
    unswept = []
    for key, op in OPS.items():
        takes = any(signature.params for signature in op.signatures)
        legal = {sample.program for sample in samples(key)}
        made = (case.program for case in cases([key], EVERY))
        if takes and op.kind != "attribute" and key != CLEAR and legal.issuperset(made):
            unswept.append(key)
    assert unswept == []


def test_edges_are_put_in_place_of_an_argument_and_taken_out_again() -> None:
    """The sample itself is as it was after each case."""
    mutable = Mutable(samples("torch.matrix_power")[0])
    legal = mutable.with_edges([]).program
    programs = {
        mutable.with_edges([(place, edge)]).program
        for place in range(mutable.count())
        for edge in mutable.edges(place)
    }
    assert "y = torch.matrix_power(w33, int(edge0))" in programs
    assert "y = torch.matrix_power(edge0, 3)" in programs
    assert mutable.with_edges([]).program == legal


def _crash(_: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _fault(_: object) -> None:
    raise BufferError("a bug")


@pytest.mark.parametrize(("bug", "words"), [(_crash, "SIGSEGV"), (_fault, "a bug")])
def test_a_crash_and_a_fault_are_found(
    bug: Callable[[object], None], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep tells which case it was, and goes on with the next one."""
    monkeypatch.setattr(calls, "BINDINGS", {**BINDINGS, "torch.sin": bug})
    one = {"x": torch.ones(2)}
    tried = [Case(f"torch.{name}", f"y = torch.{name}(x)", one) for name in ("cos", "sin", "tan")]

    found = [*findings(tried)]

    assert {finding.case.key for finding in found} == {"torch.sin"}
    assert words in str(found[0])
