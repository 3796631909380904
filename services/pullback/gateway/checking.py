"""What the gateway refuses without torch: wrong fields, wrong tensors, wrong programs."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING

from pullback.contract.batches import check_batch
from pullback.contract.derivatives import check_derivative
from pullback.contract.errors import InvalidArgument, LimitExceeded, PullbackError
from pullback.contract.limits import limit_metadata
from pullback.contract.names import DEVICE_CLASSES, REQUEST_ID
from pullback.contract.program import check_names, compile_program, valid_name
from pullback.contract.tensors import check_spec, check_tensor
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from pullback.contract.limits import Limits

# The nanoseconds of a Duration, whose sign is that of its seconds.
MOST_NANOS = 999_999_999

# Programs remembered with their verdict, and input names: a hot loop sends one program a hundred thousand times.
VERDICTS = 512
NAMES = 4_096

# Programs of at most this many characters are parsed in the event loop, which takes about a millisecond; longer
# ones in a thread, so that health is answered meanwhile.
PARSED_AT_ONCE = 256

# Where one of these words stands, a short program may become one of `Limits.unrolled_nodes`, which takes a hundred
# milliseconds. A word in a name or a string makes no difference but the hop to a thread.
_REPEATING = ("for", "def", "lambda")

_EXPORT_FORMATS = frozenset(evaluation_pb2.ExportFormat.values())


#: What a verdict on a program depends on: source, inputs, outputs, wrt.
VerdictKey = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]

#: What is wrong with a program; or, where nothing is, whether it calls `backward()` itself.
Verdict = PullbackError | bool


class Checker:
    """Checks evaluations against one set of limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._verdicts: dict[VerdictKey, Verdict] = {}
        # Outlines of evaluations without a fault, in the order in which they came; the values mean nothing.
        self._passed: dict[tuple[object, ...], None] = {}
        self._lock = threading.Lock()
        self._name_fault = lru_cache(NAMES)(valid_name)

    def check(self, evaluation: evaluation_pb2.Evaluation) -> None:
        """Checks everything that can be known without running the program. Takes long for a long program.

        Raises:
            PullbackError: the first fault, with the path of its field.
        """
        outline = _outline(evaluation)
        if outline in self._passed:
            return
        self._check_whole(evaluation)
        if not _has_bools(evaluation):
            with self._lock:
                if len(self._passed) >= VERDICTS:
                    del self._passed[next(iter(self._passed))]
                self._passed[outline] = None

    def _check_whole(self, evaluation: evaluation_pb2.Evaluation) -> None:
        self._check_sizes(evaluation)
        inputs = evaluation.inputs
        size = 0
        for name in inputs:
            fault = self._name_fault(name)
            if fault:
                raise InvalidArgument(fault, field=f'inputs["{shown(name)}"]')
            tensor = inputs[name]
            check_tensor(f'inputs["{name}"]', tensor, self._limits)
            size += len(tensor.data)
        size += self._seed_bytes(evaluation)
        if size > self._limits.input_bytes:
            raise too_much("inputs", "bytes", size, self._limits.input_bytes, "input_bytes")
        if evaluation.dry_run:
            raise InvalidArgument("is the service's own; ask CheckProgram for estimates", field="dry_run")
        if evaluation.HasField("descent_leg"):
            raise InvalidArgument("is the service's own; ask Descend for descents", field="descent_leg")
        if evaluation.device and evaluation.device not in DEVICE_CLASSES:
            raise InvalidArgument(f"{evaluation.device} is not a known device", field="device")
        if evaluation.export not in _EXPORT_FORMATS:
            raise InvalidArgument(f"{evaluation.export} is not a known format", field="export")
        verdict = self._verdict(evaluation)
        if isinstance(verdict, PullbackError):
            raise verdict.with_traceback(None)
        check_derivative(evaluation, self._limits, calls_backward=verdict)
        if evaluation.batched_inputs:
            check_batch(evaluation, self._limits)

    def _seed_bytes(self, evaluation: evaluation_pb2.Evaluation) -> int:
        """Checks cotangents and tangents as tensors, and counts their bytes."""
        size = 0
        for field, seeds in (("cotangents", evaluation.cotangents), ("tangents", evaluation.tangents)):
            for name, tensor in seeds.items():
                check_tensor(f'{field}["{shown(name)}"]', tensor, self._limits)
                size += len(tensor.data)
        return size

    def check_dry(self, evaluation: evaluation_pb2.Evaluation) -> None:
        """Checks a dry run, whose inputs have no elements, as the evaluation that it stands for.

        Raises:
            PullbackError: the first fault.
        """
        size = 0
        for name, tensor in evaluation.inputs.items():
            if fault := self._name_fault(name):
                raise InvalidArgument(fault, field=f'input_specs["{shown(name)}"]')
            size += check_spec(f'input_specs["{name}"]', tensor, self._limits)
        for field, seeds in (("cotangent", evaluation.cotangents), ("tangent", evaluation.tangents)):
            for name, tensor in seeds.items():
                size += check_spec(f'{field}_specs["{shown(name)}"]', tensor, self._limits)
        if size > self._limits.input_bytes:
            raise too_much("input_specs", "bytes", size, self._limits.input_bytes, "input_bytes")

    def takes_long(self, evaluation: evaluation_pb2.Evaluation) -> bool:
        """Tells whether a check is to be made in a thread: of a program that may be long and has no verdict yet."""
        program = evaluation.program
        loop, function, expression = _REPEATING
        may_be_long = (
            len(program) > PARSED_AT_ONCE or loop in program or function in program or expression in program
        )
        return may_be_long and _key(evaluation) not in self._verdicts

    def _verdict(self, evaluation: evaluation_pb2.Evaluation) -> Verdict:
        key = _key(evaluation)
        try:
            return self._verdicts[key]
        except KeyError:
            verdict = self._judge(*key)
            self._remember(key, verdict)
            return verdict

    def _remember(self, key: VerdictKey, verdict: Verdict) -> None:
        # Threads judge long programs at the same time.
        with self._lock:
            if len(self._verdicts) >= VERDICTS:
                # The oldest: a dictionary keeps the order in which its keys came.
                del self._verdicts[next(iter(self._verdicts))]
            self._verdicts[key] = verdict

    def _check_sizes(self, evaluation: evaluation_pb2.Evaluation) -> None:
        """Checks how much there is of everything, before any of it is looked at or remembered."""
        limits = self._limits
        if len(evaluation.program) > limits.program_bytes:
            raise too_much(
                "program", "characters", len(evaluation.program), limits.program_bytes, "program_bytes"
            )
        check_names_alone("inputs", evaluation.inputs, limits.inputs, limits)
        check_names_alone("cotangents", evaluation.cotangents, limits.outputs, limits)
        check_names_alone("tangents", evaluation.tangents, limits.wrt, limits)
        check_names_alone("outputs", evaluation.outputs, limits.outputs, limits)
        check_names_alone("wrt", evaluation.wrt, limits.wrt, limits)
        check_names_alone("batched_inputs", evaluation.batched_inputs, limits.inputs, limits)

    def _judge(
        self, source: str, inputs: tuple[str, ...], outputs: tuple[str, ...], wrt: tuple[str, ...]
    ) -> Verdict:
        try:
            program = compile_program(source, self._limits)
            check_names(program, inputs, outputs, wrt)
        except PullbackError as error:
            return error
        return program.calls_backward


def check_names_alone(field: str, names: Collection[str], most: int, limits: Limits) -> None:
    """Checks the number and the lengths of names.

    Raises:
        LimitExceeded: too many.
        InvalidArgument: one is too long.
    """
    if len(names) > most:
        raise too_much(field, "names", len(names), most, _LIMITS_ON_NAMES[field])
    for name in names:
        if len(name) > limits.name_chars:
            raise InvalidArgument(
                f"'{shown(name)}' has {len(name):,} characters, but the limit is {limits.name_chars}",
                field=field,
            )


# The limits on how many names a field has, where they are called otherwise: a cotangent belongs to an output.
_LIMITS_ON_NAMES = {
    "batched_inputs": "inputs", "cotangents": "outputs", "inputs": "inputs", "outputs": "outputs", "tangents": "wrt",
    "wrt": "wrt",
}  # fmt: skip


def _outline(evaluation: evaluation_pb2.Evaluation) -> tuple[object, ...]:
    """Gives all that a check looks at, except the bytes of bools."""
    # Empty fields are most, and to ask whether one is empty costs a fifth of making a tuple of it.
    parts: list[object] = [
        evaluation.program,
        evaluation.device,
        evaluation.dry_run,
        evaluation.HasField("descent_leg"),
        evaluation.export,
        evaluation.stacked,
        evaluation.check_gradient,
        evaluation.detect_anomaly,
        _derivative(evaluation),
    ]
    for tensors in (evaluation.inputs, evaluation.cotangents, evaluation.tangents):
        if tensors:
            for name, tensor in tensors.items():
                shape = tensor.shape
                parts += (name, tensor.dtype, tuple(shape) if shape else (), len(tensor.data))
        parts.append(None)
    for names in (evaluation.outputs, evaluation.wrt, evaluation.batched_inputs):
        parts.append(tuple(names) if names else ())
    return tuple(parts)


def _derivative(evaluation: evaluation_pb2.Evaluation) -> object:
    kind = evaluation.WhichOneof("derivative")
    if kind == "jacobian":
        return kind, evaluation.jacobian.mode
    return (kind, evaluation.nth_derivative.order) if kind == "nth_derivative" else kind


def _has_bools(evaluation: evaluation_pb2.Evaluation) -> bool:
    tensors = (
        *evaluation.inputs.values(),
        *evaluation.cotangents.values(),
        *evaluation.tangents.values(),
    )
    return any(tensor.dtype == tensor_pb2.DATA_TYPE_BOOL for tensor in tensors)


def _key(evaluation: evaluation_pb2.Evaluation) -> VerdictKey:
    return (
        evaluation.program,
        tuple(sorted(evaluation.inputs)),
        tuple(evaluation.outputs),
        tuple(evaluation.wrt),
    )


def check_request_id(request_id: str, *, required: bool) -> None:
    """Checks the name of an attempt.

    Raises:
        InvalidArgument: it is missing, too long, or has other characters than are allowed.
    """
    if not request_id and required:
        raise InvalidArgument("is required on a stream, to tell the outcomes apart", field="request_id")
    if request_id and not REQUEST_ID.fullmatch(request_id):
        raise InvalidArgument(
            f"'{shown(request_id)}' is not 1 to 128 characters from A-Z a-z 0-9 . _ : -", field="request_id"
        )


def timeout_ms(evaluation: evaluation_pb2.Evaluation, default: int, most: int) -> int:
    """Gives the time limit of an evaluation in ms: its own, but never more than the service's; or the default.

    Raises:
        InvalidArgument: its own is not above zero.
    """
    if not evaluation.HasField("timeout"):
        return default
    whole, nanos = evaluation.timeout.seconds, evaluation.timeout.nanos
    if abs(nanos) > MOST_NANOS or whole * nanos < 0:
        raise InvalidArgument(f"{whole} s and {nanos} ns are no duration", field="timeout")
    seconds = whole + nanos / 1e9
    if seconds <= 0:
        raise InvalidArgument(f"{seconds} s is not above zero", field="timeout")
    return max(1, min(int(seconds * 1000), most))


def shown(text: str, most: int = 60) -> str:
    """Shortens and escapes a caller's text for a message."""
    plain = text[: most + 1].encode("unicode_escape").decode()
    return plain if len(plain) <= most else plain[:most] + "..."


def too_much(field: str, what: str, found: int, limit: int, name: str = "") -> LimitExceeded:
    """Makes the error for more than a limit allows; `name` is the limit's in `Limits`, where it can be set."""
    return LimitExceeded(
        f"{found:,} {what}, but the limit is {limit:,}",
        field=field,
        metadata=limit_metadata(limit, found, name),
    )


def limit_on_requests(requests: Sequence[object], most: int) -> None:
    """Checks how many evaluations come in one message of a stream.

    Raises:
        LimitExceeded: too many.
    """
    if len(requests) > most:
        raise too_much("requests", "evaluations in one message", len(requests), most)
