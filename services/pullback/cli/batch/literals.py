"""Numbers as they are written in a file: a number, true, false, or nested lists of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from pullback.cli.batch.faults import quoted

#: What YAML and JSON have no numbers for.
_WORDS = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}

# The deepest tensor.
_RANK = 16

_PLAIN = frozenset({int, float, bool})

#: Error type of a wrong number; its context has the places in the lists that lead to it, under `BELOW`.
NOT_A_NUMBER = "not_a_number"
BELOW = "below"


def read_number(text: str) -> complex | float:
    """Reads what stands for a number that YAML or JSON cannot write: ``nan``, ``inf``, ``1+2j``.

    Raises:
        ValueError: it is none of these.
    """
    word = _WORDS.get(text.lower().removeprefix("+"))
    if word is not None:
        return word
    if text.endswith(("j", "J")):
        return complex(text.replace(" ", ""))
    raise ValueError


def _checked(value: object) -> Any:
    return _clean(value, ())


def _clean(value: object, below: tuple[int, ...]) -> Any:
    if isinstance(value, list):
        if len(below) >= _RANK:
            raise _wrong(below, f"is in more than {_RANK} lists")
        if _PLAIN.issuperset(map(type, value)):
            return value
        return [_clean(item, (*below, place)) for place, item in enumerate(value)]
    if type(value) in _PLAIN:
        return value
    if isinstance(value, str):
        try:
            return read_number(value)
        except ValueError:
            pass
    raise _wrong(below, "is empty, not a number" if value is None else f"{quoted(value)} is not a number")


def _wrong(below: tuple[int, ...], message: str) -> PydanticCustomError:
    # Braces would be read as fields of a template.
    return PydanticCustomError(NOT_A_NUMBER, "{message}", {"message": message, BELOW: below})


_NUMBER_SCHEMA = {
    "anyOf": [
        {"type": "number"},
        {"type": "boolean"},
        {"type": "string", "pattern": r"^[+-]?([Nn][Aa][Nn]|[Ii][Nn][Ff])$|^[-+0-9a-zA-Z_. ]*[jJ]$"},
    ]
}

#: A number or a nested list, with texts such as ``nan`` and ``1+2j`` read.
Numbers = Annotated[
    Any,
    AfterValidator(_checked),
    WithJsonSchema(
        {
            "description": "a number, true, false, nan, inf, 1+2j, or nested lists of these",
            "anyOf": [*_NUMBER_SCHEMA["anyOf"], {"type": "array"}],
        }
    ),
]
