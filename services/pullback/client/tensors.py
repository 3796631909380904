"""What callers hold (numbers, lists, numpy arrays, torch tensors) to tensors on the wire, and back.

Strategy: Python numbers and nested lists of them get the data type that `torch.tensor` would infer, so that a
notebook cell means the same here. Whatever has a data type of its own keeps it, bit for bit. Torch is never
imported: its tensors can only be met where the caller has imported it.
"""

from __future__ import annotations

import math
import struct
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.contract.errors import InvalidArgument
from pullback.contract.tensors import BY_CODE, BY_NAME, DType, decode, write
from pullback.v1.tensor_pb2 import DataType, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

_BFLOAT16 = BY_NAME["bfloat16"]


def tensor(value: object, dtype: str | None = None) -> Tensor:
    """Makes a tensor message, to be passed as an input or a cotangent.

    Args:
        value: a number, a nested list, an array or a torch tensor.
        dtype: the name of the data type to convert to, such as ``"bfloat16"``; left out, as in `evaluation`.

    Raises:
        InvalidArgument: the value is no tensor, or does not fit the data type.
    """
    message = Tensor()
    if dtype is None:
        write_value(message, "value", value)
    elif dtype not in BY_NAME:
        raise InvalidArgument(
            f"{dtype!r} is not a known data type; known are {', '.join(BY_NAME)}", field="dtype"
        )
    else:
        _write_as(message, value, dtype)
    return message


def write_value(message: Tensor, path: str, value: object) -> None:
    """Puts a caller's value into an empty message.

    Args:
        message: filled in place, since a copy of a big tensor costs as much as sending it.
        path: what errors name, such as ``inputs["w"]``.
        value: a number, a nested list, an array, a torch tensor or a tensor message.

    Raises:
        InvalidArgument: the value is no tensor.
    """
    scalar = _SCALARS.get(type(value))
    try:
        if scalar is not None:
            message.dtype, message.data = scalar[0], scalar[1](value)
        elif isinstance(value, Tensor):
            message.CopyFrom(value)
        else:
            _write_array(message, value)
    except (TypeError, ValueError, OverflowError, RuntimeError, struct.error) as error:
        raise InvalidArgument(f"{type(value).__name__} cannot be sent: {error}", field=path) from error


def _float32(value: float) -> bytes:
    try:
        return struct.pack("<f", value)
    except OverflowError:
        return struct.pack("<f", math.copysign(math.inf, value))


def _complex64(value: complex) -> bytes:
    return _float32(value.real) + _float32(value.imag)


#: Exact Python types, the data type each becomes and its bytes. The way of a hot loop over numbers.
_SCALARS: dict[type, tuple[DataType, Callable[[Any], bytes]]] = {
    bool: (DataType.DATA_TYPE_BOOL, struct.Struct("<?").pack),
    int: (DataType.DATA_TYPE_INT64, struct.Struct("<q").pack),
    float: (DataType.DATA_TYPE_FLOAT32, _float32),
    complex: (DataType.DATA_TYPE_COMPLEX64, _complex64),
}

#: What numpy makes of Python's numbers, and what torch makes of them.
_NARROWED = {np.dtype("f8"): np.dtype("f4"), np.dtype("c16"): np.dtype("c8")}


def _write_array(message: Tensor, value: object) -> None:
    torch: Any = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        _write_torch(message, torch, value)
        return
    array = _array(value)
    if array.dtype.name == "bfloat16":  # numpy lacks it; ml_dtypes, which JAX brings, registers it
        write(message, array.view(np.uint16), _BFLOAT16)
    else:
        write(message, array)


def _array(value: object) -> NDArray[Any]:
    """Makes an array of any value but a torch tensor, with the data type that torch would infer."""
    if isinstance(value, np.ndarray):
        return value
    array = np.asarray(value)
    if not _is_python_number(_first_leaf(value)):
        return array
    with np.errstate(over="ignore"):  # too big for float32 is infinite, as in torch
        return array.astype(_NARROWED.get(array.dtype, array.dtype))


def _first_leaf(value: object) -> object:
    """Gives the first number of a nested list; 0.0, which is how torch takes it, where there is none."""
    while isinstance(value, (list, tuple)):
        value = value[0] if value else 0.0
    return value


def _is_python_number(value: object) -> bool:
    # numpy.float64 is a float too, but has a data type of its own to keep.
    return isinstance(value, (bool, int, float, complex)) and not isinstance(value, np.generic)


def _write_torch(message: Tensor, torch: Any, value: Any) -> None:
    plain = value.detach().cpu().resolve_conj().resolve_neg()
    if plain.dtype == torch.bfloat16:
        write(message, plain.view(torch.int16).numpy().view(np.uint16), _BFLOAT16)
    else:
        write(message, plain.numpy())


def _write_as(message: Tensor, value: object, dtype: str) -> None:
    row = BY_NAME[dtype]
    try:
        write(message, _converted(value, row), row)
    except OverflowError as error:
        raise InvalidArgument(
            f"cannot become {dtype}: a number is out of its range", field="value"
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidArgument(f"cannot become {dtype}: {error}", field="value") from error


def _converted(value: object, row: DType) -> NDArray[Any]:
    """Gives the numbers that `write` takes for a data type: bit patterns for bfloat16."""
    kind = _kind(np.asarray(value))
    if kind not in "biufc":
        raise TypeError("it holds something else than numbers")
    if kind == "c" and row.numpy.kind != "c":
        raise TypeError("complex numbers would lose their imaginary part")
    if kind == "f" and not row.differentiable:
        raise TypeError("numbers with a fraction would lose it")
    with np.errstate(over="ignore"):  # too big is infinite, as in torch
        if row is _BFLOAT16:
            return _rounded_to_bfloat16(np.asarray(value, dtype="<f4"))
        return np.asarray(value, dtype=row.numpy)


def _kind(array: NDArray[Any]) -> str:
    """Gives numpy's letter for the kind of number; Python's integers stay what they are however big."""
    if array.dtype.kind == "O" and all(type(item) in {int, float} for item in array.flat):
        return "f" if any(type(item) is float for item in array.flat) else "i"
    return array.dtype.kind


def _rounded_to_bfloat16(array: NDArray[Any]) -> NDArray[Any]:
    """Gives the bit patterns of the nearest bfloat16 numbers, ties to even, as torch rounds."""
    bits = np.atleast_1d(array).view("<u4").astype(np.uint64)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
    # Rounding up would turn the last NaNs into zeros; keep them NaN, and quiet.
    patterns = np.where(np.isnan(np.atleast_1d(array)), (bits >> 16) | 0x40, rounded)
    return patterns.astype("<u2").reshape(array.shape)


def read_arrays(tensors: Mapping[str, Tensor], order: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Reads a map of tensors into arrays: first the names of `order`, then the rest by name."""
    return {name: decode(tensors[name]) for name in _ordered(tensors, order)}


def read_torch(tensors: Mapping[str, Tensor], order: tuple[str, ...]) -> dict[str, Any]:
    """Reads a map of tensors into torch tensors of the same data types, bfloat16 included.

    Raises:
        RuntimeError: the caller has not imported torch.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None:
        raise RuntimeError(
            "torch is not imported; import it, or read numpy arrays from `values` and `gradients`"
        )
    return {name: _read_torch(torch, tensors[name]) for name in _ordered(tensors, order)}


def _ordered(tensors: Mapping[str, Tensor], order: tuple[str, ...]) -> list[str]:
    # A protobuf map forgets the order in which it was filled.
    first = [name for name in order if name in tensors]
    return first + sorted(set(tensors) - set(first))


def _read_torch(torch: Any, message: Tensor) -> Any:
    if BY_CODE[message.dtype] is not _BFLOAT16:
        return torch.from_numpy(decode(message))
    patterns = np.frombuffer(message.data, dtype="<i2").reshape(tuple(message.shape)).copy()
    return torch.from_numpy(patterns).view(torch.bfloat16)
