"""The way to the exporters, and all that they need, loaded: for a process that cannot load anything later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.engine.export.archive import write_archive
from pullback.engine.export.onnx_model import write_onnx
from pullback.engine.export.trace import trace
from pullback.engine.request import read_request
from pullback.engine.wire import read
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code

_WRITERS = {
    evaluation_pb2.EXPORT_FORMAT_ONNX: write_onnx,
    evaluation_pb2.EXPORT_FORMAT_TORCH_EXPORT: write_archive,
}


def export(
    code: Code, evaluation: evaluation_pb2.Evaluation, limits: Limits, device: str
) -> evaluation_pb2.Artifact:
    """Makes the graph of a program that has run; see `make_artifact`, which loads this."""
    if evaluation.export not in _WRITERS:
        raise InvalidArgument(f"{evaluation.export} is not a known format", field="export")
    request = read_request(evaluation, code.program, limits)
    inputs = {name: read(tensor, device) for name, tensor in evaluation.inputs.items()}
    traced = trace(code, request, inputs, limits)
    return _WRITERS[evaluation.export](code, traced)
