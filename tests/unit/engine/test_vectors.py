"""Programs in a file, with the values and gradients that plain torch gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from pullback.engine.wire import TORCH_DTYPES
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

# Each line: name, program, inputs, output, value and gradients (null where the output does not depend on the input).
# A tensor is its data type, shape and elements in row-major order; a complex element is [real, imaginary]. The values
# are those of torch 2.13.0 on one CPU thread, given the program's text and the inputs as leaves.
FILE = Path(__file__).parents[2] / "vectors" / "gradients.jsonl"

VECTORS = [json.loads(line) for line in FILE.read_text().splitlines()]

# Relative tolerance by data type: some last bits are the processor's.
TOLERANCES = {"float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-5}


def _tensor(vector: dict[str, Any]) -> torch.Tensor:
    dtype = TORCH_DTYPES[vector["dtype"]]
    elements = [complex(*item) if isinstance(item, list) else item for item in vector["data"]]
    return torch.tensor(elements, dtype=dtype).reshape(vector["shape"])


def _assert_close(found: torch.Tensor, vector: dict[str, Any]) -> None:
    tolerance = TOLERANCES.get(vector["dtype"], 1e-9)
    torch.testing.assert_close(found, _tensor(vector), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_the_engine_agrees_with_the_file(lab: Lab, vector: dict[str, Any]) -> None:
    """Value, gradients, shapes and data types are those of plain torch; the bytes are the same on a second run."""
    inputs = {name: _tensor(tensor) for name, tensor in vector["inputs"].items()}
    evaluation = lab.build(vector["program"], inputs, outputs=[vector["output"]])
    result = lab.engine.evaluate(evaluation)
    _assert_close(lab.value(result, vector["output"]), vector["value"])
    for name, gradient in vector["gradients"].items():
        if gradient is None:
            assert result.absent_gradients[name] == evaluation_pb2.GRADIENT_ABSENCE_INDEPENDENT
        else:
            _assert_close(lab.gradient(result, name), gradient)
    assert result == lab.engine.evaluate(evaluation)
