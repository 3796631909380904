"""The engine: evaluations in, results or errors out."""

from __future__ import annotations

import logging
import math
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InternalFault, PullbackError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program import compile_program
from pullback.engine.cache import Lru
from pullback.engine.compute import Tally
from pullback.engine.descent import run_leg
from pullback.engine.dry_run import dry_run
from pullback.engine.evaluate import evaluate_alone
from pullback.engine.faults import out_of_memory
from pullback.engine.interpret import prepare
from pullback.engine.replay import Replays
from pullback.engine.request import read_request
from pullback.engine.row_plan import MAX_ROW_ELEMENTS, plan_rows
from pullback.engine.rows import RowRunner
from pullback.engine.sweep import Rows, scaled, sweep_alone, sweep_together
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code
    from pullback.engine.rows import RowData

_log = logging.getLogger(__name__)

# Most compiled programs that are kept. A compiled program takes some tens of kilobytes; callers in a loop send few.
MAX_PROGRAMS = 256

# Most row plans that are kept: a program has one for each set of shapes and options it is called with.
MAX_PLANS = 512

# Most values that the programs kept, and the plans kept, compute together. Each takes about a kilobyte, and one program
# may have tens of thousands once its loops are unrolled.
MAX_KEPT_SLOTS = 2**16

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
        self._programs: Lru[str, Code] = Lru(MAX_PROGRAMS, MAX_KEPT_SLOTS, _code_weight)
        self._replays = Replays(limits)
        self._runners: Lru[RowKey, RowRunner | None] = Lru(MAX_PLANS, MAX_KEPT_SLOTS, _runner_weight)

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
        found: dict[int, Outcome] = {}
        groups: dict[RowKey, tuple[list[int], list[RowData]]] = {}
        for index, evaluation in enumerate(evaluations):
            row = _row(evaluation)
            if row is None:
                found[index] = self._alone(evaluation)
                continue
            key, data = row
            group = groups.get(key)
            if group is None:
                groups[key] = ([index], [data])
            else:
                group[0].append(index)
                group[1].append(data)
        for key, (indices, rows) in groups.items():
            runner = self._runner(key, evaluations[indices[0]])
            if runner is None:
                found |= {index: self._alone(evaluations[index]) for index in indices}
            else:
                found |= zip(indices, self._together(runner, rows), strict=True)
        return [found[index] for index in range(len(evaluations))]

    def _runner(self, key: RowKey, example: evaluation_pb2.Evaluation) -> RowRunner | None:
        try:
            return self._runners[key]
        except KeyError:
            runner = self._runners[key] = self._new_runner(example)
            return runner

    def _new_runner(self, evaluation: evaluation_pb2.Evaluation) -> RowRunner | None:
        # Without its elements an evaluation has the key of none that has them.
        if evaluation.dry_run:
            return None
        if self._device != "cpu":  # what the property tests show, they show for the processor's kernels
            return None
        try:
            with _quiet():
                code = self._code(evaluation.program)
                request = read_request(evaluation, code.program, self._limits)
                plan = plan_rows(code, request, evaluation, self._limits)
                return None if plan is None else RowRunner(plan, sorted(evaluation.inputs), self._blank)
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
            with _quiet():
                batched = bool(evaluation.batched_inputs)
                result = self._sweep(evaluation) if batched else self._computed(evaluation, None)
        except PullbackError as error:
            return _alone_with_its_text(error)
        except MemoryError:
            return out_of_memory("the evaluation")
        except Exception:  # noqa: BLE001 - a bug of ours must not take the other evaluations with it
            return _fault()
        result.MergeFrom(self._blank)
        return result

    def _computed(self, evaluation: evaluation_pb2.Evaluation, tally: Tally | None) -> evaluation_pb2.Result:
        code = self._code(evaluation.program)
        if evaluation.dry_run:
            return dry_run(code, evaluation, self._limits)
        if evaluation.HasField("descent_leg"):
            return run_leg(code, evaluation, self._limits, self._device)
        if tally is None and self._device == "cpu":
            return self._replays.evaluate(code, evaluation)
        return evaluate_alone(code, evaluation, self._limits, self._device, tally)

    def _sweep(self, evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
        rows = Rows(evaluation, self._limits)
        first = rows.row(0)
        if evaluation.dry_run:
            result = self._computed(first, None)
            scaled(result.estimates, rows.count)
            return result
        found = _row(first)
        runner = None if found is None else self._runner(found[0], first)
        if runner is not None:
            try:
                return sweep_together(rows, evaluation, runner, self._limits)
            except PullbackError:
                raise
            except Exception:  # noqa: BLE001 - as in `_together`: each is tried by itself
                _log.exception("rows failed together, and are tried one by one")
        tally = Tally()
        return sweep_alone(rows, lambda row: self._computed(row, tally), self._limits)

    def _together(self, runner: RowRunner, rows: Sequence[RowData]) -> list[Outcome]:
        try:
            return [*runner.run(rows)]
        except Exception:  # noqa: BLE001 - as above; each is tried by itself, to find whose it is
            if len(rows) == 1:
                return [_fault()]
        return [outcome for data in rows for outcome in self._together(runner, [data])]


def engine_version() -> str:
    """Names the engine's version and torch's, without how torch was built: ``0.1.0+torch2.13.0``."""
    return f"{version('pullback')}+torch{torch.__version__.split('+')[0]}"


def _code_weight(code: Code) -> int:
    return len(code.template)


def _runner_weight(runner: RowRunner | None) -> int:
    return 1 if runner is None else runner.slot_count


def _row(evaluation: evaluation_pb2.Evaluation) -> tuple[RowKey, RowData] | None:
    """Gives all that decides how an evaluation runs, but for its numbers; and its numbers.

    None where it is exported or a batch, or an input is too big for rows, so that it is not copied to find that out.
    """
    # An export takes a second, and has nothing in common with others; a batch has rows of its own, a leg steps.
    if evaluation.export or evaluation.batched_inputs or evaluation.HasField("descent_leg"):
        return None
    inputs = evaluation.inputs
    kinds: list[object] = []
    numbers: list[bytes] = []
    for name in sorted(inputs) if len(inputs) > 1 else inputs:
        tensor = inputs[name]
        shape: tuple[int, ...] = ()
        # Asking whether a repeated field is empty costs a third of copying it: this runs for every evaluation.
        if sizes := tensor.shape:
            shape = tuple(sizes)
            if math.prod(shape) > MAX_ROW_ELEMENTS:
                return None
        data = tensor.data
        kinds += (name, tensor.dtype, shape, len(data))
        numbers.append(data)
    outputs, wrt = evaluation.outputs, evaluation.wrt
    key = (
        evaluation.program,
        tuple(outputs) if outputs else (),
        tuple(wrt) if wrt else (),
        evaluation.WhichOneof("derivative"),
        evaluation.return_graph,
        evaluation.return_program_graph,
        len(evaluation.cotangents),
        len(evaluation.tangents),
        evaluation.stacked,
        evaluation.check_gradient,
        evaluation.detect_anomaly,
        *kinds,
    )
    return key, tuple(numbers)


def _quiet() -> warnings.catch_warnings[None]:
    """Silences torch, which warns about what tenants wrote: nobody reads it here."""
    return warnings.catch_warnings(action="ignore")


def _alone_with_its_text(error: PullbackError) -> PullbackError:
    """Parts an error from where it was raised: the frames there hold the evaluation's tensors."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _fault() -> InternalFault:
    """Logs the exception at hand, which no client may see."""
    _log.exception("an evaluation failed by a fault of the engine")
    return InternalFault("the engine failed; this is a fault of ours, not of the evaluation")
