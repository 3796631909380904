"""Evaluations that come again with other numbers: from the third one on, played from a tape.

Strategy: what a lone evaluation of middling size costs is, to a good part, not arithmetic: its calls are matched,
priced and counted one by one, and autograd makes a graph and walks it. All that follows from program, shapes and
options. So where the same comes again, the kernels are written down once, held against autograd on other numbers, and
played from then on; see `tape`. What is smaller runs in rows, and in what is bigger the arithmetic counts.

What a call looks at the elements of its operands for, before it is made, tells their numbers to Python: there is no
tape of such a program, and so none that leaves a check out.

While one is recorded, all values are held at once. So there is none where they are big; see `tape_bytes`.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from pullback.engine.cache import Lru
from pullback.engine.evaluate import evaluate_alone
from pullback.engine.request import read_request
from pullback.engine.stage import Stage
from pullback.engine.tape import COMPARED_RUN, RECORDED_RUN, Recorder, tape_bytes
from pullback.engine.tracked import run_tracked
from pullback.engine.wire import read, write_to
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code
    from pullback.engine.tape import Tape

#: What decides how an evaluation runs, but for its numbers.
ReplayKey = tuple[object, ...]

# Most keys of which something is kept, and most values that their programs compute together. Each tape keeps no more
# than `MAX_KEPT_BYTES` of constants.
MAX_REPLAYS = 64
MAX_REPLAY_SLOTS = 2**16

# Most bytes of an input: more, and its values would be too many for a tape. It is not looked at to find that out.
MAX_INPUT_BYTES = 2**24

# Most seconds of a run that is made again to write it down, and the part of its time limit that it may have taken.
MAX_LEARNED_SECONDS = 0.1
TIME_PART = 8

# The fields that an evaluation which is played may have. Others ask for more than values and gradients; where random
# numbers begin means nothing, for what draws them has no tape.
_PLAYED = frozenset(
    {"program", "inputs", "outputs", "wrt", "gradient", "value_only", "device", "timeout", "seed"}
)


def replay_key(evaluation: evaluation_pb2.Evaluation) -> ReplayKey | None:
    """Gives all that decides how an evaluation runs, but for its numbers; None for one that is not played."""
    fields = {field.name for field, _ in evaluation.ListFields()}
    if not fields <= _PLAYED:
        return None
    kinds: list[object] = [evaluation.program, evaluation.device, "value_only" in fields]
    for name in sorted(evaluation.inputs):
        tensor = evaluation.inputs[name]
        # With type and shape it says how many elements there are, and asking for them would copy them.
        size = tensor.ByteSize()
        # The bytes of a bool are looked at one by one, before torch has them.
        if tensor.dtype == tensor_pb2.DATA_TYPE_BOOL or size > MAX_INPUT_BYTES:
            return None
        kinds += (name, tensor.dtype, tuple(tensor.shape), size)
    return tuple(evaluation.outputs), tuple(evaluation.wrt), *kinds


class Replays:
    """What is known of lone evaluations that came before.

    Args:
        limits: the bounds on each.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: Lru[ReplayKey, Replay] = Lru(MAX_REPLAYS, MAX_REPLAY_SLOTS, lambda replay: replay.slots)

    @property
    def tapes(self) -> int:
        """How many of them have a tape."""
        return sum(replay.is_ready for replay in self._known.values())

    def evaluate(self, code: Code, evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
        """Evaluates as `evaluate_alone` does, on the processor: the result has the same bytes."""
        key = replay_key(evaluation)
        if key is None:
            return evaluate_alone(code, evaluation, self._limits)
        replay = self._replay(key, code)
        if replay.is_ready:
            try:
                return replay.play(evaluation)
            except Exception:  # noqa: BLE001 - an index out of range, say: autograd says so with its place
                return evaluate_alone(code, evaluation, self._limits)
        begun = time.monotonic()
        result = evaluate_alone(code, evaluation, self._limits)
        if time.monotonic() - begun <= _most_seconds(evaluation):
            replay.learn(code, evaluation, self._limits, result)
        return result

    def _replay(self, key: ReplayKey, code: Code) -> Replay:
        try:
            return self._known[key]
        except KeyError:
            replay = self._known[key] = Replay(len(code.template))
            return replay


def _most_seconds(evaluation: evaluation_pb2.Evaluation) -> float:
    """Bounds the run that is made again: it must not cost an evaluation that is in time its result."""
    timeout = evaluation.timeout.ToTimedelta().total_seconds() if evaluation.HasField("timeout") else math.inf
    return min(MAX_LEARNED_SECONDS, timeout / TIME_PART)


class Replay:
    """What is known of evaluations of one key.

    Args:
        slots: how many values its program computes.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._runs = 0
        self._tape: Tape | None = None
        self._recorded: Tape | None = None
        self._is_hopeless = False
        self._outputs: list[str] = []
        self._gradients: list[str] = []
        self._blank = evaluation_pb2.Result()

    @property
    def is_ready(self) -> bool:
        """Whether `play` can be called."""
        return self._tape is not None

    def learn(
        self,
        code: Code,
        evaluation: evaluation_pb2.Evaluation,
        limits: Limits,
        result: evaluation_pb2.Result,
    ) -> None:
        """Learns of an evaluation that was computed by autograd.

        Args:
            code: its program.
            evaluation: one of the key.
            limits: its bounds.
            result: what it gave.
        """
        self._runs += 1
        if self._is_hopeless:
            return
        try:
            if self._runs == RECORDED_RUN:
                self._recorded = self._record(code, evaluation, limits, result)
                self._is_hopeless = self._recorded is None
            elif self._runs == COMPARED_RUN:
                self._tape, self._recorded = self._recorded, None
                # torch may choose other kernels while it is watched.
                if not _is_same(self.play(evaluation), result):
                    self._tape = None
                self._is_hopeless = self._tape is None
        except Exception:  # noqa: BLE001 - whatever it is, this one is computed, and so will be the others
            self._tape, self._is_hopeless = None, True

    def _record(
        self,
        code: Code,
        evaluation: evaluation_pb2.Evaluation,
        limits: Limits,
        result: evaluation_pb2.Result,
    ) -> Tape | None:
        program = code.program
        if program.calls_backward or program.prints or not evaluation.inputs:
            return None
        inputs = {name: read(evaluation.inputs[name]) for name in sorted(evaluation.inputs)}
        stage = Stage(code, read_request(evaluation, program, limits), inputs, limits, evaluation.seed)
        with Recorder([*inputs.values()], (), tape_bytes(limits)) as recorder:
            outputs, found = run_tracked(stage)
        self._outputs, self._gradients = [*outputs], [*found.gradients]
        self._blank = evaluation_pb2.Result(absent_gradients=result.absent_gradients)
        tape: Tape | None = recorder.tape([*outputs.values(), *found.gradients.values()])
        return tape

    def play(self, evaluation: evaluation_pb2.Evaluation) -> evaluation_pb2.Result:
        """Computes an evaluation of the key by the tape."""
        if self._tape is None:
            raise ValueError("there is no tape")
        inputs = [read(evaluation.inputs[name]) for name in sorted(evaluation.inputs)]
        played = iter(self._tape.play(inputs))
        result = evaluation_pb2.Result()
        result.CopyFrom(self._blank)
        for name in self._outputs:
            write_to(result.values[name], next(played))
        for name in self._gradients:
            write_to(result.gradients[name], next(played))
        return result


def _is_same(played: evaluation_pb2.Result, result: evaluation_pb2.Result) -> bool:
    return played.SerializeToString(deterministic=True) == result.SerializeToString(deterministic=True)
