"""An evaluation that goes on for longer than any test waits, and the process that is at it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import psutil
    from tests.acceptance.system import System

# A minute of matrix products, far more than any test waits for; without gradients, whose memory would be a limit first.
ENDLESS = "y = x\nwith torch.no_grad():\n" + "    y = (y @ x) * 0.001\n" * 1_200 + "y = y.sum()"

# More work than is allowed by default, as an operator may allow who has time.
MOST_WORK = {"PULLBACK_LIMITS_WORK": str(10**15)}
MATRIX = np.eye(1_000)


def busy_evaluator(system: System) -> psutil.Process:
    """Waits until an evaluator computes, and finds it."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for process in system.evaluators():
            if process.cpu_percent(interval=0.1) > 50:
                return process
    raise AssertionError("no evaluator computes")
