"""JSON Lines, read a line at a time."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pullback.cli.batch.documents import Document, Lines
from pullback.cli.batch.faults import BatchError, Fault, Faults, quoted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class NotJson(ValueError):
    """A text is no JSON. `line` is where, from 1."""

    def __init__(self, message: str, line: int = 1) -> None:
        super().__init__(message)
        self.line = line


class _Twice(ValueError):
    """A key is in an object twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _Twice(next(key for key in keys if keys.count(key) > 1))
    return data


def read_json(text: str) -> Any:
    """Reads one value.

    Raises:
        NotJson: it is none, or a key is in an object twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except _Twice as error:
        raise NotJson(f"{error} is here twice") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"is not JSON: {error.msg}, in column {error.colno}", error.lineno) from error
    except (RecursionError, ValueError) as error:
        raise NotJson("is not JSON that can be read: too deep, or a number is too long") from error


# An escape in a text; the first kind is a character in two halves, which YAML does not put together.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)", re.DOTALL)


def as_yaml(text: str) -> str:
    """Writes JSON so that it is YAML with the same meaning, and each of its parts in the same line.

    JSON is YAML but for tabs, which stand between words only, and for characters in two halves.
    """
    whole = _ESCAPE.sub(lambda found: json.loads(f'"{found[0]}"') if len(found[0]) > 2 else found[0], text)
    return whole.replace("\t", " ")


def read_lines(path: Path, name: str, faults: Faults) -> Iterator[Document]:
    """Gives the objects of a file; adds the faults of lines that are none.

    Args:
        path: the file.
        name: what it is called in messages.
        faults: takes what is wrong.

    Raises:
        BatchError: the file cannot be read on.
    """
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    data = read_json(line.strip())
                except NotJson as error:
                    faults.add(Fault(name, number, "", str(error)))
                    continue
                if isinstance(data, dict):
                    yield Document(name, data, Lines(number))
                else:
                    faults.add(Fault(name, number, "", f"{quoted(data)} is not an object, which a job is"))
    except UnicodeDecodeError as error:
        raise BatchError([Fault(name, None, "", "is not UTF-8 text")]) from error
    except OSError as error:
        raise BatchError([Fault(name, None, "", error.strerror or "cannot be read")]) from error
