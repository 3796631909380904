"""The program language without torch: grammar, op table, instructions, and errors with a place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program.bindings import check_names
from pullback.contract.program.diagnose import fault
from pullback.contract.program.names import valid_name
from pullback.contract.program.ops import OPS
from pullback.contract.program.source import Source
from pullback.contract.program.statements import Statements
from pullback.contract.program.syntax import parse

if TYPE_CHECKING:
    from collections.abc import Collection

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Program

__all__ = ["OPS", "check_names", "compile_program", "fault", "valid_name"]


def compile_program(
    source: str, limits: Limits = DEFAULT_LIMITS, *, inputs: Collection[str] | None = None
) -> Program:
    """Checks the text of a program and compiles it. Pure: the same text gives an equal program.

    Args:
        source: the text.
        limits: bounds on its size.
        inputs: the names it may read without binding them. Without this, every such name becomes an input, and
            `check_names` judges it later, so that one compiled program serves any request with the same text.

    Raises:
        ProgramError: the first fault in the text, with its place.
        LimitExceeded: the text is bigger than a limit.
    """
    text = Source(source)
    return Statements(text, limits, inputs).compile(parse(text, limits))
