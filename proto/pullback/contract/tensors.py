"""The data types, and the byte layout of a tensor on the wire, with numpy and nothing else.

Layout: little-endian, row-major, no padding, no strides. See ``tensor.proto``.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import DEFAULT_LIMITS, limit_metadata
from pullback.v1 import tensor_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pullback.contract.limits import Limits


@dataclass(frozen=True)
class DType:
    """One row of the table of data types.

    Attributes:
        code: the value on the wire.
        name: what users and torch call it.
        size: bytes of one element.
        numpy: the little-endian numpy type of the same bits; uint16 for bfloat16, which numpy lacks.
        differentiable: whether a tensor of it can require a gradient.
    """

    code: pb.DataType
    name: str
    size: int
    numpy: np.dtype[np.generic]
    differentiable: bool = False

    @property
    def is_complex(self) -> bool:
        """Whether its elements are complex numbers."""
        return self.numpy.kind == "c"


DTYPES: tuple[DType, ...] = (
    DType(pb.DATA_TYPE_BOOL, "bool", 1, np.dtype("?")),
    DType(pb.DATA_TYPE_UINT8, "uint8", 1, np.dtype("u1")),
    DType(pb.DATA_TYPE_INT8, "int8", 1, np.dtype("i1")),
    DType(pb.DATA_TYPE_INT16, "int16", 2, np.dtype("<i2")),
    DType(pb.DATA_TYPE_INT32, "int32", 4, np.dtype("<i4")),
    DType(pb.DATA_TYPE_INT64, "int64", 8, np.dtype("<i8")),
    DType(pb.DATA_TYPE_FLOAT16, "float16", 2, np.dtype("<f2"), differentiable=True),
    DType(pb.DATA_TYPE_BFLOAT16, "bfloat16", 2, np.dtype("<u2"), differentiable=True),
    DType(pb.DATA_TYPE_FLOAT32, "float32", 4, np.dtype("<f4"), differentiable=True),
    DType(pb.DATA_TYPE_FLOAT64, "float64", 8, np.dtype("<f8"), differentiable=True),
    DType(pb.DATA_TYPE_COMPLEX64, "complex64", 8, np.dtype("<c8"), differentiable=True),
    DType(pb.DATA_TYPE_COMPLEX128, "complex128", 16, np.dtype("<c16"), differentiable=True),
)

BY_CODE: dict[int, DType] = {row.code: row for row in DTYPES}
BY_NAME: dict[str, DType] = {row.name: row for row in DTYPES}
_BY_NUMPY = {row.numpy: row for row in DTYPES if row.name != "bfloat16"}


def check_tensor(path: str, tensor: pb.Tensor, limits: Limits = DEFAULT_LIMITS) -> DType:
    """Checks a tensor from outside, before anything is allocated for it.

    Args:
        path: where the tensor is, such as ``inputs["w"]``; the errors name the field below it.
        tensor: the message.
        limits: the bounds on rank and dimensions.

    Returns:
        The row of its data type.

    Raises:
        InvalidArgument: data type, sizes or bytes are wrong.
        LimitExceeded: it has more dimensions than is allowed.
    """
    dtype = _dtype(path, tensor.dtype)
    shape = tuple(tensor.shape)
    data = tensor.data
    needed = dtype.size if not shape else dtype.size * _element_count(path, shape, limits)
    if len(data) != needed:
        raise InvalidArgument(
            f"{len(data):,} bytes, but {describe(dtype, shape)} needs {needed:,}", field=f"{path}.data"
        )
    if dtype.code == pb.DATA_TYPE_BOOL and data.translate(None, b"\x00\x01"):
        raise InvalidArgument("a bool is the byte 0 or 1, but there are others", field=f"{path}.data")
    return dtype


def check_spec(path: str, spec: pb.Tensor | pb.TensorSpec, limits: Limits = DEFAULT_LIMITS) -> int:
    """Checks what a tensor from outside is to be, whatever its elements; gives the bytes that they take.

    Raises:
        InvalidArgument: data type or sizes are wrong.
        LimitExceeded: it has more dimensions than is allowed.
    """
    return _dtype(path, spec.dtype).size * _element_count(path, tuple(spec.shape), limits)


def _dtype(path: str, code: int) -> DType:
    dtype = BY_CODE.get(code)
    if dtype is None:
        known = ", ".join(row.name for row in DTYPES)
        raise InvalidArgument(f"{code} is not a known data type; known are {known}", field=f"{path}.dtype")
    return dtype


def _element_count(path: str, shape: tuple[int, ...], limits: Limits) -> int:
    if len(shape) > limits.rank:
        raise LimitExceeded(
            f"{len(shape)} dimensions, but the limit is {limits.rank}",
            field=f"{path}.shape",
            metadata=limit_metadata(limits.rank, len(shape), "rank"),
        )
    for axis, size in enumerate(shape):
        if not 0 <= size <= limits.dim:
            raise InvalidArgument(
                f"dimension {axis} is {size:,}, but sizes are from 0 to {limits.dim:,}", field=f"{path}.shape"
            )
    # Sizes that are not 0 count even where another is: torch computes strides from them, and those overflow.
    if prod(size for size in shape if size) > limits.dim:
        raise InvalidArgument(f"{list(shape)} has more than {limits.dim:,} elements", field=f"{path}.shape")
    return prod(shape)


def describe(dtype: DType, shape: Sequence[int]) -> str:
    """Writes a data type and a shape as users read them: ``float32[4, 7]``, ``float32[]``."""
    return f"{dtype.name}[{', '.join(map(str, shape))}]"


def encode(array: NDArray[np.generic], dtype: DType | None = None) -> pb.Tensor:
    """Puts a numpy array on the wire, as `write` does, in a message of its own."""
    tensor = pb.Tensor()
    write(tensor, array, dtype)
    return tensor


def write(tensor: pb.Tensor, array: NDArray[np.generic], dtype: DType | None = None) -> None:
    """Puts a numpy array into an empty message, whatever the array's strides and byte order.

    Args:
        tensor: the message, filled in place: to copy one with a big tensor costs as much as to send it.
        array: any array of a known data type.
        dtype: bfloat16's row, where the array holds its bit patterns as uint16; else left out.

    Raises:
        TypeError: the array's type is not one of the table's, or not that of `dtype`.
    """
    little = array.dtype.newbyteorder("<")
    row = dtype or _BY_NUMPY.get(little)
    if row is None:
        raise TypeError(f"arrays of {array.dtype} cannot be sent; known are {', '.join(BY_NAME)}")
    if row.numpy != little:
        raise TypeError(f"{row.name} is sent from an array of {row.numpy}, not of {array.dtype}")
    tensor.dtype = row.code
    tensor.shape.extend(array.shape)
    # astype only swaps bytes here; tobytes writes row-major order whatever the strides.
    tensor.data = array.astype(row.numpy, copy=False).tobytes(order="C")


def decode(tensor: pb.Tensor) -> NDArray[np.generic]:
    """Reads a checked tensor into an array of its own, bit for bit.

    bfloat16 is widened to float32, which holds each of its values exactly.
    """
    row = BY_CODE[tensor.dtype]
    array = np.frombuffer(tensor.data, dtype=row.numpy).reshape(tuple(tensor.shape))
    if row.name == "bfloat16":
        # left_shift writes into the array, since `<<` makes a scalar of a 0-d one.
        wide = array.astype("<u4")
        np.left_shift(wide, 16, out=wide)
        return wide.view("<f4")
    return array.copy()
