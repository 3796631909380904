"""A program's text, and where in it the nodes of its syntax tree are."""

from __future__ import annotations

import ast
from itertools import accumulate
from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import LINE_END, exceeded, fault
from pullback.contract.program.ir import Place

if TYPE_CHECKING:
    from pullback.contract.errors import LimitExceeded, ProgramError
    from pullback.contract.program.ir import CallSite

#: The nodes that have a place.
Placed = ast.stmt | ast.expr | ast.alias | ast.keyword | ast.arg

# The two high bits of a byte that continues a character of UTF-8.
_CONTINUATION = 0b10000000
_HIGH_BITS = 0b11000000


class Source:
    """The text of one program.

    Attributes:
        text: all of it.
        within: the call whose function is being written out, which becomes part of every place.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.within: CallSite | None = None
        self._ascii = text.isascii()
        self._columns: dict[int, list[int]] = {}

    def place(self, node: Placed) -> Place:
        """Finds where a node begins."""
        # The parser counts columns in bytes, people in characters.
        column = node.col_offset + 1 if self._ascii else self._characters(node.lineno)[node.col_offset]
        return Place(node.lineno, column, self.within)

    def fault(self, node: Placed, message: str, suggestion: str = "") -> ProgramError:
        """Makes the error for a node, for the caller to raise; see `diagnose.fault`."""
        return fault(self.text, self.place(node), message, suggestion)

    def exceeded(self, node: Placed, bound: int, estimate: int, what: str) -> LimitExceeded:
        """Makes the error for a limit that is passed at a node; see `diagnose.exceeded`."""
        return exceeded(bound, estimate, what, self.place(node), self.text)

    def _characters(self, line: int) -> list[int]:
        """Maps each byte of a line to the column of its character. Kept, so that a long line is read once."""
        if line not in self._columns:
            data = LINE_END.split(self.text)[line - 1].encode()
            self._columns[line] = list(accumulate(int(byte & _HIGH_BITS != _CONTINUATION) for byte in data))
        return self._columns[line]
