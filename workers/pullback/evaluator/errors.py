"""How an evaluator can fail its drain. None of these leaves the worker: they tell of processes, not jobs."""

from __future__ import annotations


class EvaluatorError(Exception):
    """Base of what an evaluator's handle raises."""


class EvaluatorUnavailable(EvaluatorError):
    """No evaluator can be had: the template is not running, or the device did not start."""


class EvaluatorTimedOut(EvaluatorError):
    """The time for a batch passed. The evaluator was killed."""


class EvaluatorDied(EvaluatorError):
    """The evaluator ended before it answered.

    Attributes:
        exitcode: its exit code, negative for the signal that killed it; None where that is not known, as when
            its handle killed it or the template died too.
        last_words: the last of what it wrote to its standard error.
    """

    def __init__(self, exitcode: int | None, last_words: str = "") -> None:
        super().__init__(f"the evaluator died, exit code {exitcode}")
        self.exitcode = exitcode
        self.last_words = last_words


class EvaluatorRetired(EvaluatorDied):
    """The evaluator had ended by itself after the batch before, and did nothing for this one."""
