"""Data against the model: every fault as a sentence that says what was found and what was expected."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from pullback.cli.batch import model
from pullback.cli.batch.faults import Faults, quoted
from pullback.cli.batch.literals import BELOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic_core import ErrorDetails

    from pullback.cli.batch.documents import Document, Path

_Model = TypeVar("_Model", bound=BaseModel)

# Tag of a spelling -> its model, whose fields are the keys that are known there.
_BY_TAG: dict[str, type[BaseModel]] = {
    "<value>": model.ValueArray,
    "<linspace>": model.Linspace,
    "<geomspace>": model.Geomspace,
    "<logspace>": model.Logspace,
    "<range>": model.Range,
    "<file>": model.FileArray,
}


def validate(kind: type[_Model], document: Document, faults: Faults) -> tuple[_Model, bool]:
    """Reads a document as a model of which every field may be missing; adds its faults.

    Args:
        kind: the model.
        document: what was read.
        faults: takes what is wrong.

    Returns:
        What is right of it, so that its other faults can be found too, and whether that has all of its names.
    """
    try:
        return kind.model_validate(document.data), True
    except ValidationError as error:
        right, harmless = document.data, True
        for detail in error.errors(include_url=False):
            steps, message = _steps(detail), _message(kind, detail)
            faults.add(document.fault(steps, message))
            right = _without(right, steps)
            harmless &= (
                next((step for step in steps if step != "jobs" and isinstance(step, str)), "") in _NAMELESS
            )
    try:
        return kind.model_validate(right), harmless
    except ValidationError:
        return kind(), False


# Fields without which a job has the same names.
_NAMELESS = model.JobFields.model_fields.keys() - {
    "program",
    "inputs",
    "grid",
    "zip",
    "rows",
    "outputs",
    "wrt",
}

# Fields whose parts stand for themselves: one may be left out, and the rest still be right.
_MAPPINGS = frozenset({"inputs", "grid", "zip", "cotangents", "labels"})


def _without(data: Any, steps: Path) -> Any:
    """Leaves out the wrong part of a document: an entry of a mapping of names, or else a whole field."""
    if not steps or not isinstance(data, dict) or steps[0] not in data:
        return data
    key, rest = steps[0], steps[1:]
    inner = data[key]
    if key == "jobs" and isinstance(inner, list) and len(rest) > 1 and isinstance(rest[0], int):
        return data | {key: [_without(job, rest[1:]) if rest[0] == n else job for n, job in enumerate(inner)]}
    if key in _MAPPINGS and isinstance(inner, dict) and rest:
        return data | {key: {name: value for name, value in inner.items() if name != rest[0]}}
    return {name: value for name, value in data.items() if name != key}


def _steps(detail: ErrorDetails) -> Path:
    """Gives where in the data an error is: its path without tags, with the places in nested lists."""
    steps = tuple(step for step in detail["loc"] if not _is_mark(step))
    below: tuple[int, ...] = detail.get("ctx", {}).get(BELOW, ())
    return (*steps, *below)


def _is_mark(step: int | str) -> bool:
    # "[key]" is pydantic's own mark of a wrong key.
    return isinstance(step, str) and (step == "[key]" or (step[:1] == "<" and step[-1:] == ">"))


def _message(kind: type[BaseModel], detail: ErrorDetails) -> str:
    found, given = detail["input"], detail.get("ctx", {})
    if detail["type"] == "extra_forbidden":
        return _unknown(_model_of(kind, detail["loc"]), str(detail["loc"][-1]))
    if detail["type"] == "value_error":
        return f"{quoted(found)} {given['error']}"
    if detail["type"] == "no_spelling":
        return f"{quoted(found)} {detail['msg']}"
    write = _SENTENCES.get(detail["type"])
    return write(found, given) if write else f"{quoted(found)}: {detail['msg']}"


def _wants(what: str) -> Callable[[Any, Any], str]:
    return lambda found, _: f"is empty, not {what}" if found is None else f"{quoted(found)} is not {what}"


# Type of a pydantic error -> what is said of it, given what was found and what is known of the error.
_SENTENCES: dict[str, Callable[[Any, Any], str]] = {
    "not_a_number": lambda _, given: str(given["message"]),
    "missing": lambda found, _: f"is missing; found is {quoted(found)}",
    "string_type": _wants("text"),
    "int_type": _wants("a whole number"),
    "bool_type": _wants("true or false"),
    "float_type": _wants("a number"),
    "list_type": _wants("a list"),
    "tuple_type": _wants("a list"),
    "dict_type": _wants("a mapping"),
    "model_type": _wants("a mapping"),
    "literal_error": lambda found, given: f"{quoted(found)} is none of {_plain(given['expected'])}",
    "greater_than_equal": lambda found, given: f"{quoted(found)} is below {given['ge']}",
    "less_than_equal": lambda found, given: f"{quoted(found)} is above {given['le']}",
    "too_short": lambda _, given: f"has {given['actual_length']} items, not at least {given['min_length']}",
    "too_long": lambda _, given: f"has {given['actual_length']} items, not at most {given['max_length']}",
    "string_too_short": lambda _, __: "is empty",
    "string_too_long": lambda found, given: f"{quoted(found)} has more than {given['max_length']} characters",
}


def _plain(expected: str) -> str:
    return expected.replace("'", "").replace(" or ", ", ")


def _model_of(kind: type[BaseModel], loc: tuple[int | str, ...]) -> type[BaseModel]:
    """Finds the model that has no such key, which the path's last tag or field tells."""
    for step in reversed(loc[:-1]):
        if step in _BY_TAG:
            return model.ProgramFile if "program" in loc else _BY_TAG[str(step)]
        if step == "rows":
            return model.Rows
        if step == "<list>":
            return model.JobFields
    return kind


def _unknown(kind: type[BaseModel], key: str) -> str:
    if key == "export" and issubclass(kind, model.JobFields):
        return "is not for batches, whose files of results hold no artifacts; see `pullback export`"
    known = list(kind.model_fields)
    near = difflib.get_close_matches(key, known, 1)
    if near:
        return f"is not known here; did you mean {near[0]}?"
    advice = "; inputs stand under inputs, grid or zip" if issubclass(kind, model.JobFields) else ""
    return f"is not known here{advice}; known are {', '.join(known)}"
