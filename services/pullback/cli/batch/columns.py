"""Tensors, one for each item of a sweep, kept so that a million of them are one block of bytes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from pullback.client import InvalidArgument, tensor
from pullback.contract.tensors import BY_CODE, BY_NAME, decode, write
from pullback.v1.tensor_pb2 import Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Whole numbers up to this are exact in each data type that the numbers of a file become.
_EXACT = {"float16": 2**11, "bfloat16": 2**8, "float32": 2**24, "float64": 2**53}
_EXACT |= {"complex64": _EXACT["float32"], "complex128": _EXACT["float64"]}


class Column(Protocol):
    """The values that one name takes."""

    def __len__(self) -> int:
        """How many there are."""

    def write(self, message: Tensor, place: int) -> None:
        """Puts one into an empty message."""

    def get(self, place: int) -> Tensor:
        """Gives one in a message of its own."""

    def about(self) -> str:
        """Says what all are: ``float32[3]``."""

    def most_bytes(self) -> int:
        """Gives the bytes of the biggest."""


class _Made:
    """What follows from `write`."""

    def write(self, message: Tensor, place: int) -> None:
        """Puts one into an empty message."""
        raise NotImplementedError

    def get(self, place: int) -> Tensor:
        """Gives one in a message of its own."""
        message = Tensor()
        self.write(message, place)
        return message


@dataclass(frozen=True)
class Packed(_Made):
    """Values of one data type and shape, as they lie in a tensor whose first axis they are."""

    whole: Tensor

    def __len__(self) -> int:
        return self.whole.shape[0]

    def write(self, message: Tensor, place: int) -> None:
        """Puts one into an empty message."""
        shape = self.whole.shape[1:]
        size = BY_CODE[self.whole.dtype].size * prod(shape)
        message.dtype = self.whole.dtype
        message.shape.extend(shape)
        message.data = self.whole.data[place * size : (place + 1) * size]

    def about(self) -> str:
        """Says what all are."""
        return describe(self.whole.dtype, self.whole.shape[1:])

    def most_bytes(self) -> int:
        """Gives the bytes of the biggest."""
        return len(self.whole.data) // len(self)


@dataclass(frozen=True)
class Mapped(_Made):
    """Values that lie in a file, and are read from it when they are written."""

    whole: NDArray[Any]

    @staticmethod
    def of(whole: NDArray[Any]) -> Mapped:
        """Takes an array that is not in memory apart along its first axis.

        Raises:
            ValueError: its data type cannot be sent.
        """
        converted(whole[:1], None)
        return Mapped(whole)

    def __len__(self) -> int:
        return len(self.whole)

    def write(self, message: Tensor, place: int) -> None:
        """Puts one into an empty message."""
        write(message, np.asarray(self.whole[place]))

    def about(self) -> str:
        """Says what all are."""
        return describe(self.get(0).dtype, self.whole.shape[1:])

    def most_bytes(self) -> int:
        """Gives the bytes of the biggest."""
        return self.whole.nbytes // len(self)


@dataclass(frozen=True)
class Listed(_Made):
    """Values of different shapes."""

    each: Sequence[Tensor]

    def __len__(self) -> int:
        return len(self.each)

    def write(self, message: Tensor, place: int) -> None:
        """Puts one into an empty message."""
        message.CopyFrom(self.each[place])

    def about(self) -> str:
        """Says what all are."""
        kinds = {describe(one.dtype, one.shape): None for one in self.each}
        return ", ".join(list(kinds)[:3]) + (", ..." if len(kinds) > 3 else "")

    def most_bytes(self) -> int:
        """Gives the bytes of the biggest."""
        return max(len(one.data) for one in self.each)


def describe(dtype: int, shape: Sequence[int]) -> str:
    """Writes a data type and a shape as ``float32[4, 7]``."""
    return BY_CODE[dtype].name + (f"[{', '.join(map(str, shape))}]" if shape else "")


def number_text(message: Tensor) -> str | None:
    """Writes the one number of a tensor as Python would, as short as its data type allows; None for more."""
    if message.shape:
        return None
    value = decode(message)
    if message.dtype == BY_NAME["bfloat16"].code:
        value = value.astype(np.float32)
    if value.dtype.kind in "bui":
        return str(value.item()).lower()
    return None if value.dtype.kind == "c" else str(value[()])


def literal_tensor(value: object, dtype: str | None, default: str) -> Tensor:
    """Makes a tensor of numbers as they are written in a file.

    Args:
        value: a number or nested lists.
        dtype: the data type that was asked for, or None.
        default: what numbers become that nothing was asked for: true and false stay what they are, and numbers with an
            imaginary part become complex.

    Raises:
        ValueError: it is ragged, or cannot become that data type.
    """
    if dtype is None and default == "float32" and (type(value) is float or _is_small(value)):
        return tensor(float(value))  # type: ignore[arg-type]  # the way of most lines of a long file
    if dtype is None:
        kind = np.asarray(_regular(value)).dtype.kind
        wide = "complex128" if default == "float64" else "complex64"
        dtype = {"b": "bool", "c": wide}.get(kind, default)
    _check_exact(value, dtype)
    return converted(_regular(value), dtype)


def _is_small(value: object) -> bool:
    return type(value) is int and -_EXACT["float32"] <= value <= _EXACT["float32"]


def converted(value: object, dtype: str | None) -> Tensor:
    """Makes a tensor message.

    Raises:
        ValueError: the value cannot become that data type, or is no tensor.
    """
    _check_range(value, dtype)
    try:
        return tensor(value, dtype)
    except InvalidArgument as error:
        raise ValueError(error.message.partition(" cannot be sent: ")[2] or error.message) from error


def _check_range(value: object, dtype: str | None) -> None:
    """Refuses whole numbers that numpy would cut to size in silence, since it does so where they are in an array.

    Raises:
        ValueError: there are some.
    """
    if dtype is None or not isinstance(value, np.ndarray) or value.dtype.kind not in "iu" or not value.size:
        return
    if dtype == "bool":
        low, high = 0, 1
    elif "int" in dtype:
        bounds = np.iinfo(dtype)
        low, high = int(bounds.min), int(bounds.max)
    else:
        return
    for number in (int(value.min()), int(value.max())):
        if not low <= number <= high:
            raise ValueError(f"{number} is not from {low} to {high}, which {dtype} holds")


def stacked(message: Tensor) -> Packed:
    """Takes a tensor apart along its first axis.

    Raises:
        ValueError: it has none, or is empty.
    """
    if not message.shape:
        raise ValueError("is a single number; jobs are made of several, as in [1, 2, 3]")
    if message.shape[0] == 0:
        raise ValueError("is empty, which makes no job")
    return Packed(message)


def literal_column(value: object, dtype: str | None, default: str) -> Column:
    """Makes a column of the items of a list, whose shapes may differ.

    Raises:
        ValueError: it is no list, is empty, or an item cannot become that data type.
    """
    if isinstance(value, list) and value and not _is_regular(value):
        return Listed([literal_tensor(item, dtype, default) for item in value])
    return stacked(literal_tensor(value, dtype, default))


def _is_regular(value: object) -> bool:
    try:
        np.asarray(value)
    except ValueError:
        return False
    return True


def _regular(value: object) -> NDArray[Any] | object:
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError("its lists are not of one length") from error
    # Whole numbers beyond 64 bits stay Python's, so that they become what they are asked to be.
    return value if array.dtype.kind == "O" else array


def _check_exact(value: object, dtype: str) -> None:
    most = _EXACT.get(dtype)
    if most is None:
        return
    array = np.asarray(value)
    if array.dtype.kind not in "iuO" or not array.size:
        return
    for item in array[np.abs(array) > most].flat:
        number = int(item)
        if type(item) is not float and _rounded(number, dtype) != number:
            raise ValueError(f"{number} cannot be exact in {dtype}; write it with a point, or give a dtype")


def _rounded(number: int, dtype: str) -> float:
    try:
        return float(decode(converted(float(number), dtype)).real.item())
    except OverflowError:
        return float("nan")
