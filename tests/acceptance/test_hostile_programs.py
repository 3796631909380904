"""Programs that crash, hang, exhaust memory or attack: they harm themselves alone, and not for long."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.acceptance.hostile.__main__ import UP, pids
from tests.acceptance.hostile.run import ANSWERS, Drill
from tests.acceptance.load import QUARTIC
from tests.acceptance.system import System

from pullback.client import Client, KernelFault

if TYPE_CHECKING:
    from collections.abc import Iterator

# Times that a program in quarantine is sent: more than there are worker children to meet.
TRIES = 20


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system whose evaluators misbehave where a program says so."""
    with System(tmp_path_factory.mktemp("hostile"), workers=2, command=UP) as running:
        yield running


@pytest.mark.timeout(180)
def test_good_evaluations_among_bad_ones_are_answered(hostile: System) -> None:
    """Every good one is right, every bad one has the status of its kind, and no process is started again."""
    before = pids(hostile)
    drill = Drill(1_000, [*ANSWERS] * 3)
    asyncio.run(drill.run(hostile.address))
    assert drill.wrong == []
    assert drill.answers.total() == 1_000 + 3 * len(ANSWERS)
    assert pids(hostile) == before


def test_the_second_crash_puts_a_program_into_quarantine(hostile: System) -> None:
    """A program that crashed twice is refused with the time that is left, at the door, and others are not."""
    program = f"{QUARTIC}  # drill: crash"
    with Client(hostile.address) as client:
        with pytest.raises(KernelFault):
            client.evaluate(program, x=1.0)
        for _ in range(TRIES):
            with pytest.raises(KernelFault) as caught:
                client.evaluate(program, x=2.0)
            assert 0 < int(caught.value.metadata["quarantine_seconds"]) <= 300
        assert client.evaluate(QUARTIC, x=1.0).value == 12.0


def test_evaluators_are_protected_and_the_operator_is_told(hostile: System) -> None:
    """The worker says at its start which protections are on, and `pullback up` passes it on."""
    (line,) = [line for line in hostile.lines if "protections: " in line]
    assert "rlimits" in line
    assert "no_new_privs" in line


BLIND = """
import ctypes.util, sys
find = ctypes.util.find_library
ctypes.util.find_library = lambda name: None if name == "seccomp" else find(name)
from pullback.engine import Engine, configure_torch
from pullback.evaluator.serve import Compute
from pullback.evaluator.template import run
configure_torch()
run(sys.argv[1:], lambda options: Compute("blind", Engine().evaluate_many))
"""

WORKER = "import sys; from pullback.worker.__main__ import main; sys.exit(main(['-c', sys.argv[1]]))"


def test_a_worker_that_needs_protections_does_not_start_without(redis_url: str) -> None:
    """On a machine without libseccomp, a worker that has to be protected says what is missing, and ends."""
    process = subprocess.run(
        [sys.executable, "-c", WORKER, BLIND],
        env={**os.environ, "PULLBACK_REDIS_URL": redis_url, "PULLBACK_PROTECTIONS": "required"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert process.returncode == 2
    assert "missing: seccomp (libseccomp is not installed)" in process.stderr
    assert "PULLBACK_PROTECTIONS" in process.stderr
