"""Tensors survive the way through the engine bit for bit."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.tensors import DTYPES, DType
from pullback.engine.wire import ALIGNMENT, ROWS, TORCH_DTYPES, read, write
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

SHAPES = [(), (1,), (3,), (2, 3), (0,), (2, 0, 3), (1,) * 16]


def _message(row: DType, shape: tuple[int, ...], seed: int) -> tensor_pb2.Tensor:
    """A tensor of random bits: NaN payloads, infinities, subnormals and negative zeros among them."""
    count = int(np.prod(shape, dtype=int))
    generator = np.random.default_rng(seed)
    data = generator.integers(0, 2 if row.name == "bool" else 256, count * row.size, dtype=np.uint8)
    return tensor_pb2.Tensor(dtype=row.code, shape=shape, data=data.tobytes())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("row", DTYPES, ids=lambda row: row.name)
def test_every_bit_of_every_data_type_survives(lab: Lab, row: DType, shape: tuple[int, ...]) -> None:
    """An input that is returned as it came is the same message."""
    message = _message(row, shape, seed=len(shape))
    evaluation = evaluation_pb2.Evaluation(program="y = x")
    evaluation.value_only.SetInParent()
    evaluation.inputs["x"].CopyFrom(message)
    assert lab.engine.evaluate(evaluation).values["y"] == message


@given(st.integers(0, 2**32 - 1))
def test_float_bits_survive_in_rows_and_alone(lab: Lab, bits: int) -> None:
    """A NaN keeps its payload through a program that only hands it on, on either way."""
    message = tensor_pb2.Tensor(dtype=tensor_pb2.DATA_TYPE_FLOAT32, data=struct.pack("<I", bits))
    for program in ("y = x\nz = 2*x", "y = x\nz = x.reshape(1)"):
        evaluation = evaluation_pb2.Evaluation(program=program, outputs=["y"])
        evaluation.value_only.SetInParent()
        evaluation.inputs["x"].CopyFrom(message)
        assert lab.engine.evaluate(evaluation).values["y"].data == message.data


def test_an_input_is_a_private_copy() -> None:
    """Torch may write to what it is given; the message is another's."""
    message = write(torch.tensor([1.0, 2.0]))
    read(message).zero_()
    assert read(message).tolist() == [1, 2]


@pytest.mark.parametrize("count", [1, 3, 1000, 70_000])
def test_an_input_begins_where_torchs_own_memory_would(count: int) -> None:
    """Memory aligned otherwise could take another path through a kernel, with other last bits."""
    assert read(write(torch.ones(count))).data_ptr() % ALIGNMENT == 0


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(6.0).reshape(2, 3).T,
        torch.arange(6.0)[::2],
        torch.ones(1).expand(4, 2),
        torch.tensor([1 + 2j, 3 - 1j]).conj(),
        torch.tensor([1 + 2j, 3 - 1j]).conj().imag,
        torch.arange(6.0, dtype=torch.bfloat16).reshape(2, 3).T,
    ],
)
def test_views_are_written_in_row_major_order(tensor: torch.Tensor) -> None:
    """Strides, and a conjugation or sign that torch has put off, are gone on the wire."""
    back = read(write(tensor))
    assert back.is_contiguous()
    assert torch.equal(back, tensor.resolve_conj().resolve_neg())


def test_the_zeros_of_a_gradient_of_nothing_are_written_out(lab: Lab) -> None:
    """Torch keeps some gradients that are all zero without memory."""
    result = lab.run("y = torch.sgn(x).sum()", {"x": torch.ones(3)})
    assert lab.gradient(result, "x").tolist() == [0, 0, 0]


def test_every_data_type_has_torchs() -> None:
    """The contract's table and torch's types match one to one."""
    assert TORCH_DTYPES.keys() == {row.name for row in DTYPES}
    assert set(ROWS.values()) == set(DTYPES)


@pytest.mark.parametrize(
    ("number", "dtype"), [("True", torch.bool), ("3", torch.int64), ("2.5", torch.float64)]
)
def test_plain_numbers_are_returned_as_tensors(lab: Lab, number: str, dtype: torch.dtype) -> None:
    """A bool, an int and a float have one data type each."""
    result = lab.run(f"y = {number}", value_only=True)
    assert lab.value(result, "y").dtype is dtype
