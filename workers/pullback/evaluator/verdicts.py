"""The outcomes of jobs that no evaluator answered."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING

from pullback.contract.errors import Cancelled, DeadlineExceeded, KernelFault, LimitExceeded, WorkerLost
from pullback.contract.lifecycle import Event
from pullback.evaluator.errors import EvaluatorRetired, EvaluatorTimedOut
from pullback.evaluator.exits import Exit
from pullback.evaluator.job import Outcome, error_message

if TYPE_CHECKING:
    from pullback.contract.errors import PullbackError
    from pullback.evaluator.errors import EvaluatorDied
    from pullback.evaluator.job import Job

_log = logging.getLogger(__name__)

# A program that made native code crash so many times is not tried again, whatever its owner says.
MAX_CRASHES = 2

# What native code ends with when it goes wrong.
_CRASHES = frozenset(
    -number for number in (signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGSEGV)
)

# How native code says that an allocation failed, before it aborts.
_NO_MEMORY = ("std::bad_alloc", "MemoryError", "out of memory", "can't allocate memory")


def cancelled(job: Job) -> Outcome:
    """Makes the outcome of a job that was cancelled."""
    return _failure(job, Event.CANCEL, Cancelled("the evaluation was cancelled"))


def expired(job: Job) -> Outcome:
    """Makes the outcome of a job whose deadline passed."""
    return _failure(
        job, Event.EXPIRE, DeadlineExceeded("the evaluation did not finish within its time limit")
    )


def died(job: Job, death: EvaluatorDied, *, again: bool = True) -> Outcome:
    """Makes the outcome of a job that was alone in an evaluator when that died.

    Args:
        job: the job.
        death: how it died.
        again: whether the job may have another try.
    """
    if death.exitcode == -signal.SIGSYS:
        # Whoever does this knows what he does, and is not to have a second try.
        _log.error("ALARM: a job called the kernel for what no computation needs; job %s", job.id)
        return _failure(
            job,
            Event.FAIL,
            KernelFault("the program makes its process ask for what no computation needs; it was stopped"),
        )
    if death.exitcode == -signal.SIGXCPU:
        return expired(job)
    most = min(job.most_deaths, MAX_CRASHES) if _is_crash(death) else job.most_deaths
    if again and job.deaths + 1 < most:
        return Outcome(job.id, Event.LOSE, b"")
    return _failure(job, Event.FAIL, _cause(death, job.deaths + 1))


def crash_weight(death: EvaluatorDied) -> int:
    """Tells how much a death counts against its program: native code that went wrong as one, an attack as two."""
    if death.exitcode == -signal.SIGSYS:
        return MAX_CRASHES
    return int(_is_crash(death))


def _is_crash(death: EvaluatorDied) -> bool:
    return death.exitcode in _CRASHES and not _ran_out(death)


#: Why an evaluator ends that has jobs: their drain had one cancelled, or what `cause_of` says.
CAUSES = ("cancelled", "timed_out", "retired", "attacked", "out_of_memory", "crashed", "lost")


def cause_of(end: EvaluatorTimedOut | EvaluatorDied) -> str:
    """Says in a word why an evaluator ended that was not cancelled."""
    if isinstance(end, EvaluatorTimedOut) or end.exitcode == -signal.SIGXCPU:
        return "timed_out"
    if isinstance(end, EvaluatorRetired):
        return "retired"
    if end.exitcode == -signal.SIGSYS:
        return "attacked"
    if _ran_out(end):
        return "out_of_memory"
    return "crashed" if _is_crash(end) else "lost"


def _failure(job: Job, event: Event, error: PullbackError) -> Outcome:
    return Outcome(job.id, event, error_message(error))


def _ran_out(death: EvaluatorDied) -> bool:
    # A drain's own kills never come here, so with SIGKILL it was the kernel that ran out of memory. Code that cannot
    # fail aborts where an allocation does, and its last words are all that tells.
    return death.exitcode in (Exit.OUT_OF_MEMORY, -signal.SIGKILL) or (
        death.exitcode == -signal.SIGABRT and any(mark in death.last_words for mark in _NO_MEMORY)
    )


def _cause(death: EvaluatorDied, deaths: int) -> PullbackError:
    if _ran_out(death):
        return LimitExceeded(
            "the evaluation needs more memory than there is",
            metadata={"limit": "memory", "estimate": "unknown"},
        )
    if _is_crash(death):
        return KernelFault(
            "the program makes a numerical kernel crash; this is most often due to an extreme argument"
        )
    return WorkerLost(f"the evaluation lost its process {deaths} {'time' if deaths == 1 else 'times'}")
