"""Tensors between the wire and torch, bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from pullback.contract.tensors import BY_CODE, DTYPES, DType, describe
from pullback.v1 import tensor_pb2

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Alignment of a tensor's memory, in bytes: torch's own allocator gives 64, and a numerical kernel may take another
# path, with other last bits, through memory that is aligned otherwise.
ALIGNMENT = 64

TORCH_DTYPES: dict[str, torch.dtype] = {
    "bool": torch.bool,
    "uint8": torch.uint8,
    "int8": torch.int8,
    "int16": torch.int16,
    "int32": torch.int32,
    "int64": torch.int64,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float32": torch.float32,
    "float64": torch.float64,
    "complex64": torch.complex64,
    "complex128": torch.complex128,
}

#: The row of the contract's table of data types, by torch's type. A tensor of any other type cannot be returned.
ROWS: dict[torch.dtype, DType] = {TORCH_DTYPES[row.name]: row for row in DTYPES}


def read(message: tensor_pb2.Tensor, device: str = "cpu") -> torch.Tensor:
    """Copies a checked tensor off the wire into memory of its own, which torch may write to.

    Args:
        message: a tensor that `check_tensor` accepted.
        device: the torch device that the tensor is put on.
    """
    row = BY_CODE[message.dtype]
    flat = torch.from_numpy(aligned_copy(message.data)).view(TORCH_DTYPES[row.name])
    return flat.reshape(tuple(message.shape)).to(device)


def aligned_copy(data: bytes) -> NDArray[np.uint8]:
    """Copies bytes into memory of their own that begins where torch's own would."""
    room = np.empty(len(data) + ALIGNMENT, dtype=np.uint8)
    start = -room.ctypes.data % ALIGNMENT
    copy = room[start : start + len(data)]
    copy[:] = np.frombuffer(data, dtype=np.uint8)
    return copy


def write(tensor: torch.Tensor) -> tensor_pb2.Tensor:
    """Puts a tensor on the wire, in a message of its own; see `write_to`."""
    message = tensor_pb2.Tensor()
    write_to(message, tensor)
    return message


def write_to(message: tensor_pb2.Tensor, tensor: torch.Tensor) -> None:
    """Puts a tensor into an empty message, whatever its strides, device and place in the autograd graph.

    Args:
        message: a part of a result, filled in place: to copy one with a big tensor takes as long as to make it.
        tensor: of a data type in `ROWS`.
    """
    message.dtype = ROWS[tensor.dtype].code
    message.shape.extend(tensor.shape)
    message.data = raw_bytes(tensor)


def raw_bytes(tensor: torch.Tensor) -> bytes:
    """Gives a tensor's elements as they travel: little-endian, row-major."""
    return elements(tensor).tobytes()


def elements(tensor: torch.Tensor) -> NDArray[np.generic]:
    """Gives a tensor's elements as an array, row-major; bfloat16 as its bit patterns."""
    plain = tensor.detach().cpu().contiguous()
    if plain.dtype is torch.bfloat16:  # numpy has no such type; its bits travel as they are
        plain = plain.view(torch.int16)
    # By force: torch may leave a conjugation, a sign, or the zeros of a gradient of nothing to be filled in.
    array: NDArray[np.generic] = plain.numpy(force=True)
    return array


def byte_count(tensor: torch.Tensor) -> int:
    """Counts the bytes that a tensor takes on the wire, expanded views included."""
    return tensor.numel() * tensor.element_size()


def describe_tensor(tensor: torch.Tensor) -> str:
    """Writes a tensor's type and shape as users read them: ``float32[4, 7]``."""
    row = ROWS.get(tensor.dtype)
    if row is None:
        return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}"
    return describe(row, tensor.shape)


def number_tensor(value: bool | float) -> torch.Tensor:
    """Gives the 0-d tensor as which a plain number is returned: bool, int64 or float64."""
    if isinstance(value, bool):
        return torch.tensor(value, dtype=torch.bool)
    return torch.tensor(value, dtype=torch.int64 if isinstance(value, int) else torch.float64)
