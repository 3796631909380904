"""The disposable process in which tenants' programs run, and a worker's handles on it.

The worker's main process starts a `Template`. Each drain runs its jobs through an `Isolator`, which connects
an `Evaluator` to the template whenever it needs one. Nothing that is imported here imports torch.
"""

from pullback.evaluator.errors import EvaluatorDied, EvaluatorError, EvaluatorTimedOut, EvaluatorUnavailable
from pullback.evaluator.handle import Evaluator
from pullback.evaluator.isolate import Isolator
from pullback.evaluator.job import Job, Outcome, error_message
from pullback.evaluator.launch import EVALUATOR, Template
from pullback.evaluator.supply import Isolation

__all__ = [
    "EVALUATOR",
    "Evaluator",
    "EvaluatorDied",
    "EvaluatorError",
    "EvaluatorTimedOut",
    "EvaluatorUnavailable",
    "Isolation",
    "Isolator",
    "Job",
    "Outcome",
    "Template",
    "error_message",
]
