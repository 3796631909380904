"""Whether an answer is right: values and gradients within their tolerance, refusals that say nothing of the inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.contract.tensors import BY_CODE, decode
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.rpc.status_pb2 import Status
    from numpy.typing import NDArray
    from tests.conformance.entries import Entry
    from tests.conformance.oracle import Expected

    from pullback.v1.tensor_pb2 import Tensor

# Relative and absolute tolerance by data type, where an entry gives none; integers and booleans are exact.
TOLERANCES = {
    "float16": (2e-3, 1e-3),
    "bfloat16": (2e-2, 1e-2),
    "float32": (1e-5, 1e-6),
    "complex64": (1e-5, 1e-6),
    "float64": (1e-9, 1e-9),
    "complex128": (1e-9, 1e-9),
}

# Longest message of a refusal, in bytes.
MAX_MESSAGE_BYTES = 1_000

# What no message may hold, unless the program itself does: files, tracebacks, addresses in memory, our modules.
_INSIDE = re.compile(
    r"Traceback|File \"|site-packages|\.py\b|/(?:usr|home|root|proc|tmp|opt|work|dev|var)\b|0x[0-9a-f]{6,}|"
    r"[\d.]+:\d{4,}|pullback\.(?:engine|evaluator|worker|broker|gateway)|\.cpp\b|c10::|at::"
)


def faults_of_result(entry: Entry, result: evaluation_pb2.Result, expected: Expected) -> Iterator[str]:
    """Compares a result with what an entry must give; each difference in words."""
    tolerance = entry.fields.get("tol")
    output = entry.fields["output"]
    if output not in result.values:
        yield f"no value {output}"
        return
    yield from _differs(output, result.values[output], expected.value, tolerance)
    for name, gradient in expected.gradients.items():
        if name in result.gradients:
            wanted = np.zeros_like(decode(result.gradients[name])) if gradient is None else gradient
            yield from _differs(f"gradient of {name}", result.gradients[name], wanted, tolerance)
        elif gradient is not None and np.any(gradient != 0):
            absence = evaluation_pb2.GradientAbsence.Name(result.absent_gradients.get(name, 0))
            yield f"no gradient of {name}: {absence}"


def _differs(
    what: str, tensor: Tensor, wanted: NDArray[np.generic], tolerance: dict[str, float] | None
) -> Iterator[str]:
    found = decode(tensor)
    if found.shape != wanted.shape:
        yield f"{what}: shape {found.shape}, not {wanted.shape}"
        return
    dtype = BY_CODE[tensor.dtype].name
    if found.dtype != wanted.dtype:
        yield f"{what}: {dtype}, not {wanted.dtype}"
    default = TOLERANCES.get(dtype, (0.0, 0.0))
    rtol, atol = (tolerance["rtol"], tolerance["atol"]) if tolerance else default
    if not np.allclose(_plain(found), _plain(wanted), rtol=rtol, atol=atol, equal_nan=True):
        yield f"{what}: {_short(found)}, not {_short(wanted)}"


def _plain(values: NDArray[np.generic]) -> NDArray[Any]:
    # float16 would overflow while the tolerance is computed.
    return values.astype(np.float64) if values.dtype == np.float16 else values


def _short(values: NDArray[np.generic]) -> str:
    text = np.array2string(values.ravel()[:6], precision=12)
    return " ".join(text.split())


def faults_of_refusal(entry: Entry, status: Status, name: str) -> Iterator[str]:
    """Judges a refusal by its status and message; each fault in words."""
    if name not in entry.allowed:
        yield f"{name}, not {'/'.join(sorted(entry.allowed))}: {status.message[:160]}"
    if len(status.message.encode()) > MAX_MESSAGE_BYTES:
        yield f"a message of {len(status.message.encode())} bytes"
    if (match := _INSIDE.search(status.message)) and match.group() not in entry.source:
        yield f"the message tells of the inside: {match.group()!r} in {status.message[:160]!r}"
