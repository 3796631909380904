"""The outcomes of jobs that no evaluator answered."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from pullback.contract.errors import Cancelled, DeadlineExceeded, KernelFault, LimitExceeded, WorkerLost
from pullback.contract.lifecycle import Event
from pullback.evaluator.job import Outcome, error_message

if TYPE_CHECKING:
    from pullback.contract.errors import PullbackError
    from pullback.evaluator.job import Job

# A job that died alone so many times is not tried again.
MAX_DEATHS = 2

# What native code ends with when it goes wrong.
_CRASHES = frozenset(
    -number for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
)


def cancelled(job: Job) -> Outcome:
    """Makes the outcome of a job that was cancelled."""
    return _failure(job, Event.CANCEL, Cancelled("the evaluation was cancelled"))


def expired(job: Job) -> Outcome:
    """Makes the outcome of a job whose deadline passed."""
    return _failure(
        job, Event.EXPIRE, DeadlineExceeded("the evaluation did not finish within its time limit")
    )


def died(job: Job, exitcode: int | None) -> Outcome:
    """Makes the outcome of a job that was alone in an evaluator when that died with `exitcode`."""
    if job.deaths + 1 < MAX_DEATHS:
        return Outcome(job.id, Event.LOSE, b"")
    return _failure(job, Event.FAIL, _cause(exitcode))


def _failure(job: Job, event: Event, error: PullbackError) -> Outcome:
    return Outcome(job.id, event, error_message(error))


def _cause(exitcode: int | None) -> PullbackError:
    if exitcode in _CRASHES:
        return KernelFault(
            "the program makes a numerical kernel crash; this is most often due to an extreme argument"
        )
    # A drain's own kills never come here, so it was the kernel that ran out of memory.
    if exitcode == -signal.SIGKILL:
        return LimitExceeded("the evaluation needs more memory than there is")
    return WorkerLost(f"the evaluation lost its process {MAX_DEATHS} times")
