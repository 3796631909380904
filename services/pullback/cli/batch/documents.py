"""A file that was read, with the line of each of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pullback.cli.batch.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The keys and places in lists that lead to a part of a document.
Path = tuple[str | int, ...]


class Lines(NamedTuple):
    """The line of a part, and of what is in it.

    Attributes:
        line: where it begins, from 1. A value of a mapping begins where its key does.
        within: by key or by place in the list; None where nothing is in it.
        text: where the first line of a block of text stands; None for any other part.
    """

    line: int
    within: dict[str, Lines] | list[Lines] | None = None
    text: int | None = None


@dataclass(frozen=True)
class Document:
    """What a file holds.

    Attributes:
        file: its name, as it was given.
        data: mappings, lists, texts, numbers, bools and None.
        lines: the lines of `data`; None where the file has none, as a command line.
    """

    file: str
    data: Any
    lines: Lines | None = None

    def line(self, path: Sequence[str | int]) -> int | None:
        """Gives the line of a part; where it is missing, that of what it would be in."""
        at = self._at(path)
        return at and at.line

    def text_line(self, path: Sequence[str | int]) -> int | None:
        """Gives where the first line of a block of text stands; None where the part is written another way."""
        at = self._at(path)
        return at and at.text

    def _at(self, path: Sequence[str | int]) -> Lines | None:
        at = self.lines
        for step in path:
            below = at and _below(at, step)
            if below is None:
                break
            at = below
        return at

    def fault(self, path: Sequence[str | int], message: str) -> Fault:
        """Makes a fault of a part."""
        return Fault(self.file, self.line(path), path_text(path), message)


def _below(at: Lines, step: str | int) -> Lines | None:
    if isinstance(at.within, dict):
        return at.within.get(str(step))
    if at.within is None or not isinstance(step, int) or step >= len(at.within):
        return None
    return at.within[step]


def path_text(path: Sequence[str | int]) -> str:
    """Writes a path as ``jobs[2].grid.x``; a key that would be read as something else goes in brackets."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier():
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
