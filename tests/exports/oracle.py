"""Runs exported programs in what reads such files, and compares with what the evaluation gave."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import onnx
import onnx.checker
import onnxruntime
import torch
import torch.export
from onnx.reference import ReferenceEvaluator

from pullback.engine.wire import read, write
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1.tensor_pb2 import DATA_TYPE_BFLOAT16

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

# Relative tolerances by data type of the value. ONNX's operators are other kernels than torch's.
TOLERANCES = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 2e-5}

# That of a program whose ONNX operators take a number as an attribute, which the standard stores as float32, or where
# torch's translation has one.
SINGLE = 1e-6

onnxruntime.set_default_logger_severity(4)


def evaluation(
    program: str, inputs: Mapping[str, torch.Tensor], export: pb.ExportFormat, *outputs: str
) -> pb.Evaluation:
    """Makes an evaluation of values, with an export."""
    return pb.Evaluation(
        program=program,
        inputs={name: write(tensor) for name, tensor in inputs.items()},
        outputs=outputs,
        value_only=pb.ValueOnly(),
        export=export,
    )


def run_archive(data: bytes, *inputs: torch.Tensor) -> list[torch.Tensor]:
    """Loads an archive into torch, and runs it."""
    return [*torch.export.load(io.BytesIO(data)).module()(*inputs)]


def check_archive(result: pb.Result, inputs: Mapping[str, torch.Tensor]) -> None:
    """Has torch load and run an archive: it gives the evaluation's values, bit for bit."""
    artifact = result.artifact
    values = run_archive(artifact.data, *(inputs[name] for name in artifact.inputs))
    for name, value in zip(artifact.outputs, values, strict=True):
        assert write(value) == result.values[name], name


def run_model(data: bytes, inputs: Mapping[str, torch.Tensor]) -> list[NDArray[np.generic]]:
    """Has ONNX's checker read a model, and onnxruntime run it; ONNX's own reference where the former lacks a kernel."""
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    feed = {name: _array(tensor) for name, tensor in inputs.items()}
    try:
        return [np.asarray(each) for each in onnxruntime.InferenceSession(data).run(None, feed)]
    except onnxruntime.capi.onnxruntime_pybind11_state.NotImplemented:
        return [np.asarray(each) for each in ReferenceEvaluator(data).run(None, feed)]


def check_model(
    result: pb.Result, inputs: Mapping[str, torch.Tensor], *outputs: str, single: bool = False
) -> None:
    """Has a runtime run a model: it gives the evaluation's values. Those in bfloat16 have no type in numpy."""
    if any(each.dtype == DATA_TYPE_BFLOAT16 for each in result.values.values()):
        onnx.checker.check_model(onnx.load_model_from_string(result.artifact.data), full_check=True)
        return
    values = run_model(result.artifact.data, {name: inputs[name] for name in result.artifact.inputs})
    for name, found in zip(outputs or result.values, values, strict=True):
        wanted = _array(read(result.values[name]))
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        tolerance = SINGLE if single else TOLERANCES.get(wanted.dtype, 2e-2)
        np.testing.assert_allclose(
            found.astype(np.float64), wanted.astype(np.float64), rtol=tolerance, atol=tolerance
        )


def _array(tensor: torch.Tensor) -> NDArray[np.generic]:
    array: NDArray[np.generic] = tensor.detach().numpy(force=True)
    return array
