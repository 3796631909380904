"""What `print` writes: the text that torch and Python give, with two exceptions.

A backward function prints as ``<AddBackward0>``: torch adds its address, which differs from run to run. A tensor
of which torch would write out more than `MAX_PRINTED_ELEMENTS` elements prints as its shape and data type alone.
"""

from __future__ import annotations

import torch
from torch.autograd.graph import Node

from pullback.contract.program.prints import REPR
from pullback.engine.wire import describe_tensor

# Most elements of one tensor that are formatted. torch writes a tensor of up to 1,000 elements in full, and of a
# bigger one at most 6 along each dimension, which is little at rank 3 and 60 million at rank 10.
MAX_PRINTED_ELEMENTS = 10_000

# From this many elements on, torch leaves out the middle of each dimension longer than `TORCH_EDGES`.
TORCH_THRESHOLD = 1_000
TORCH_EDGES = 6


class Printer:
    """Collects what a program prints, up to a number of characters.

    Args:
        limit: the most characters that are kept.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[str] = []
        self._chars = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing more is kept."""
        return self._chars > self._limit

    def write(self, items: tuple[object, ...], separator: str, end: str) -> None:
        """Prints values as Python does; nothing is formatted any more once the text is full."""
        if self.is_full:
            return
        text = separator.join(_text(item) for item in items) + end
        self._chars += len(text)
        self._parts.append(text[: self._limit + 1])

    def text(self) -> str:
        """Gives all that was printed, with a last line that says so where it was cut."""
        return cut_text("".join(self._parts), self._limit)


def cut_text(text: str, limit: int) -> str:
    """Cuts what was printed after so many characters, with a last line that says so."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}\n[cut here: the program printed more than {limit:,} characters]\n"


def formatted(value: object, specification: str) -> str:
    """Formats a value as a field of an f-string does.

    Args:
        value: what to format.
        specification: what stands behind the colon, or `REPR`.

    Raises:
        ValueError: the specification does not fit the value.
        TypeError: the value has no formats.
    """
    if isinstance(value, str):
        return value  # the text between the fields
    if isinstance(value, torch.Tensor) and not value.dim() and specification != REPR:
        return format(value.detach().item(), specification)  # as torch does
    if specification in {"", REPR}:
        return _repr(value)
    if isinstance(value, (bool, int, float)):
        return format(value, specification)
    raise TypeError(specification)


def _text(value: object) -> str:
    return value if isinstance(value, str) else _repr(value)


def _repr(value: object) -> str:
    if isinstance(value, torch.Tensor):
        return _tensor_repr(value)
    if isinstance(value, Node):
        return f"<{type(value).__name__}>"
    if type(value) is tuple:
        return f"({', '.join(map(_repr, value))}{',' if len(value) == 1 else ''})"
    if type(value) is list:
        return f"[{', '.join(map(_repr, value))}]"
    if isinstance(value, tuple) and any(isinstance(item, torch.Tensor) for item in value):
        return _named_tuple_repr(value)
    return repr(value)


def _tensor_repr(tensor: torch.Tensor) -> str:
    if _printed_elements(tensor) > MAX_PRINTED_ELEMENTS:
        return f"tensor(..., {describe_tensor(tensor)})"
    return repr(tensor)


def _printed_elements(tensor: torch.Tensor) -> int:
    if tensor.numel() <= TORCH_THRESHOLD:
        return tensor.numel()
    count = 1
    for size in tensor.shape:
        count *= min(size, TORCH_EDGES)
    return count


def _named_tuple_repr(value: tuple[object, ...]) -> str:
    if any(
        isinstance(item, torch.Tensor) and _printed_elements(item) > MAX_PRINTED_ELEMENTS for item in value
    ):
        return f"({', '.join(map(_repr, value))})"
    return repr(value)
