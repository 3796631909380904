"""The engine: evaluations in, results or errors out."""

from __future__ import annotations

import logging
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InternalFault, PullbackError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program import compile_program
from pullback.engine.cache import Lru
from pullback.engine.evaluate import evaluate_alone
from pullback.engine.faults import out_of_memory
from pullback.engine.interpret import prepare
from pullback.engine.request import read_request
from pullback.engine.row_plan import plan_rows
from pullback.engine.rows import RowRunner
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code

_log = logging.getLogger(__name__)

# Most compiled programs that are kept. A compiled program takes some tens of kilobytes; callers in a loop send few.
MAX_PROGRAMS = 256

# Most row plans that are kept: a program has one for each set of shapes and options it is called with.
MAX_PLANS = 512

_DEVICES = {"cpu": evaluation_pb2.DEVICE_CPU, "cuda": evaluation_pb2.DEVICE_CUDA}

RowKey = tuple[object, ...]
Outcome = evaluation_pb2.Result | PullbackError


class Engine:
    """Evaluates gradients. Pure but for its caches: an evaluation gives the same result every time.

    Not safe for threads: torch's gradient mode and its caches belong to one.

    Args:
        device: the torch device to run on: ``cpu`` or ``cuda``.
        worker: the name to put into results.
        limits: the bounds on each evaluation.
    """

    def __init__(self, *, device: str = "cpu", worker: str = "", limits: Limits = DEFAULT_LIMITS) -> None:
        self._device = device
        self._limits = limits
        #: The version of engine and torch, as in `Result.engine`.
        self.version = engine_version()
        self._blank = evaluation_pb2.Result(device=_DEVICES[device], worker=worker, engine=self.version)
        self._programs: Lru[str, Code] = Lru(MAX_PROGRAMS)
        self._runners: Lru[RowKey, RowRunner | None] = Lru(MAX_PLANS)

    def evaluate(self, evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
        """Evaluates one evaluation.

        Returns:
            Its result, without `timings`.

        Raises:
            InvalidArgument: a field of the evaluation is wrong, or its outputs cannot be differentiated.
            ProgramError: its program is wrong, or fails.
            LimitExceeded: it is bigger than a limit.
            InternalFault: the engine is at fault; the log says how.
        """
        outcome = self.evaluate_many([evaluation])[0]
        if isinstance(outcome, PullbackError):
            raise outcome
        return outcome

    def evaluate_many(self, evaluations: Sequence[evaluation_pb2.Evaluation]) -> list[Outcome]:
        """Evaluates many; like ones are computed together. One that fails has no effect on the others.

        Returns:
            For each evaluation, in order, its result or its error. What comes of one does not depend on the others.
        """
        outcomes: list[Outcome | None] = [None] * len(evaluations)
        groups: dict[RowRunner, list[int]] = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns about what tenants wrote, and nobody reads it here
            for index, evaluation in enumerate(evaluations):
                runner = self._runner(evaluation)
                if runner is None:
                    outcomes[index] = self._alone(evaluation)
                else:
                    groups.setdefault(runner, []).append(index)
            for runner, indices in groups.items():
                together = self._together(runner, [evaluations[index] for index in indices])
                for index, outcome in zip(indices, together, strict=True):
                    outcomes[index] = outcome
        return [outcome for outcome in outcomes if outcome is not None]

    def _runner(self, evaluation: evaluation_pb2.Evaluation) -> RowRunner | None:
        key = _row_key(evaluation)
        try:
            return self._runners[key]
        except KeyError:
            runner = self._runners[key] = self._new_runner(evaluation)
            return runner

    def _new_runner(self, evaluation: evaluation_pb2.Evaluation) -> RowRunner | None:
        if self._device != "cpu":  # what the property tests show, they show for the processor's kernels
            return None
        try:
            code = self._code(evaluation.program)
            request = read_request(evaluation, code.program, self._limits)
            plan = plan_rows(code, request, evaluation, self._limits)
            return None if plan is None else RowRunner(plan, self._blank)
        except Exception:  # noqa: BLE001 - whatever it is comes up again, with its place, where it runs alone
            return None

    def _code(self, source: str) -> Code:
        try:
            return self._programs[source]
        except KeyError:
            code = self._programs[source] = prepare(compile_program(source, self._limits))
            return code

    def _alone(self, evaluation: evaluation_pb2.Evaluation) -> Outcome:
        try:
            result = evaluate_alone(self._code(evaluation.program), evaluation, self._limits, self._device)
        except PullbackError as error:
            return error
        except MemoryError:
            return out_of_memory("the evaluation")
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other evaluations with it
            return _fault()
        result.MergeFrom(self._blank)
        return result

    def _together(
        self, runner: RowRunner, evaluations: Sequence[evaluation_pb2.Evaluation]
    ) -> Iterable[Outcome]:
        try:
            return list(runner.run(evaluations))
        except Exception:  # noqa: BLE001 - as above; each is tried by itself, to find whose it is
            if len(evaluations) == 1:
                return [_fault()]
        return [outcome for evaluation in evaluations for outcome in self._together(runner, [evaluation])]


def engine_version() -> str:
    """Names the engine's version and torch's, without how torch was built: ``0.1.0+torch2.13.0``."""
    return f"{version('pullback')}+torch{torch.__version__.split('+')[0]}"


def _row_key(evaluation: evaluation_pb2.Evaluation) -> RowKey:
    """Gives all that decides how an evaluation runs, but for its numbers."""
    inputs = evaluation.inputs
    tensors = []
    for name in sorted(inputs) if len(inputs) > 1 else inputs:
        tensor = inputs[name]
        shape = tensor.shape
        tensors.append((name, tensor.dtype, tuple(shape) if shape else (), len(tensor.data)))
    # Asking whether a repeated field is empty costs a third of copying it: this runs for every evaluation.
    outputs, wrt = evaluation.outputs, evaluation.wrt
    return (
        evaluation.program,
        tuple(outputs) if outputs else (),
        tuple(wrt) if wrt else (),
        evaluation.WhichOneof("derivative"),
        evaluation.return_graph,
        len(evaluation.cotangents),
        *tensors,
    )


def _fault() -> InternalFault:
    """Logs the exception at hand, which no client may see."""
    _log.exception("an evaluation failed by a fault of the engine")
    return InternalFault("the engine failed; this is a fault of ours, not of the evaluation")
