"""The forward program as a graph for other tools: an ONNX model, or an archive of `torch.export`.

Importing this loads none of the exporters, which take 100 MiB and two seconds: that is `loading`'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import LimitExceeded
from pullback.contract.limits import limit_metadata

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code
    from pullback.v1 import evaluation_pb2

__all__ = ["make_artifact"]


def make_artifact(
    code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits, taken: int, device: str
) -> evaluation_pb2.Artifact:
    """Makes the graph of a program that has run with these inputs.

    Args:
        code: the program.
        evaluation: what was computed, and the format asked for.
        limits: the bounds on it.
        taken: bytes of its values and gradients, which travel in the same message.
        device: the torch device that it ran on.

    Raises:
        InvalidArgument: the format is unknown, or cannot hold an input or an output.
        ProgramError: the program does what a graph cannot hold; the error says where.
        LimitExceeded: the graph would have too many operations or bytes.
    """
    from pullback.engine.export.loading import export  # noqa: PLC0415 - heavy, and few evaluations ask for it

    artifact = export(code, evaluation, limits, device)
    size = taken + len(artifact.data)
    if size > limits.result_bytes:
        raise LimitExceeded(
            f"values, gradients and the exported program take {size:,} bytes, but the limit is {limits.result_bytes:,}",
            metadata=limit_metadata(limits.result_bytes, size, "result_bytes"),
        )
    return artifact
