"""What a slot can hold while a program runs, and how it is described to users."""

from __future__ import annotations

import torch

from pullback.engine.wire import describe_tensor

# Longest description of one value, in characters: an error names the operands of a call, and must fit in a line.
MAX_DESCRIPTION_CHARS = 60

# Most operands that an error describes.
MAX_DESCRIBED_OPERANDS = 4


def is_number(value: object) -> bool:
    """Tells whether a value is a plain number: a bool, an int or a float."""
    return isinstance(value, (bool, int, float))


def describe_value(value: object) -> str:
    """Names a value's kind in one short phrase: ``float32[2, 3]``, ``the int 5``, ``a tuple of 2``."""
    match value:
        case torch.Tensor():
            text = describe_tensor(value)
        case bool() | int() | float():
            text = f"the {type(value).__name__} {value}"
        case str():
            text = "a string"
        case torch.Size():
            text = f"the shape {list(value)}"
        case tuple() | list() if value and all(isinstance(item, torch.Tensor) for item in value):
            text = f"a {'list' if isinstance(value, list) else 'tuple'} of {describe_operands(tuple(value))}"
        case tuple() | list():
            text = f"a {'list' if isinstance(value, list) else 'tuple'} of {len(value)}"
        case torch.dtype():
            text = str(value)
        case None:
            text = "None"
        case _:
            text = f"a {type(value).__name__}"
    return text if len(text) <= MAX_DESCRIPTION_CHARS else text[: MAX_DESCRIPTION_CHARS - 1] + "…"


def describe_operands(values: tuple[object, ...]) -> str:
    """Names the operands of a call, the first few of them: ``float32[2, 3] and float32[4]``."""
    phrases = [describe_value(value) for value in values[:MAX_DESCRIBED_OPERANDS]]
    if len(values) > MAX_DESCRIBED_OPERANDS:
        phrases.append("more")
    return " and ".join([", ".join(phrases[:-1]), phrases[-1]] if len(phrases) > 1 else phrases)


def element_index(number: int, shape: torch.Size) -> list[int]:
    """Gives the index of an element, one number for each dimension, from its number in row-major order."""
    index = []
    for size in reversed(shape):
        number, at = divmod(number, size)
        index.append(at)
    return index[::-1]
