"""Reads files of cases: a heading, the files of each, and what is said of the last of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Case(NamedTuple):
    """One case.

    Attributes:
        name: what it is of.
        files: name -> text, the batch file last.
        says: what is said of it.
    """

    name: str
    files: dict[str, str]
    says: str

    def write(self, folder: Path) -> str:
        """Writes the files; gives the name of the batch file."""
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        return name


def read_cases(path: Path) -> list[Case]:
    """Reads a file of cases."""
    return [_case(text) for text in re.split(r"^=== ", path.read_text(), flags=re.MULTILINE)[1:]]


def _case(text: str) -> Case:
    head, *parts = re.split(r"^--- (?=\S)", text, flags=re.MULTILINE)
    # A text of the form \x07 is the character, which would make the file of cases a binary one.
    files = dict(
        re.sub(r"\\x(..)", lambda byte: chr(int(byte[1], 16)), part).split("\n", 1) for part in parts
    )
    return Case(head.strip(), files, files.pop("says"))
