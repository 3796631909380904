"""Labels with gaps: ``{x}`` stands for an input of the job, ``{index}`` for its place in the batch."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pullback.cli.batch.words import LABEL_VALUE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_GAP = re.compile(r"\{([^{}]*)\}")

#: The gap that is filled with the job's place in the batch.
INDEX = "index"


def gaps(template: str) -> list[str]:
    """Gives the names in a template's gaps."""
    return _GAP.findall(template)


def fixed_fault(template: str) -> str | None:
    """Says what is wrong with a template outside its gaps; None where nothing is."""
    rest = _GAP.sub("", template)
    if "{" in rest or "}" in rest:
        return "has a brace without its other one"
    return value_fault(rest)


def value_fault(text: str) -> str | None:
    """Says what is wrong with a label's text; None where nothing is."""
    if LABEL_VALUE.fullmatch(text):
        return None
    return f"{text[:80]!r} is not at most 63 characters from A-Z a-z 0-9 . _ : -"


def filled(template: str, value_of: Callable[[str], str]) -> str:
    """Fills the gaps.

    An exponent's sign has no place in a label: ``1e+20`` becomes ``1e20``.
    """
    return _GAP.sub(lambda gap: value_of(gap[1]).replace("+", ""), template)


def unfilled(templates: Mapping[str, str]) -> bool:
    """Tells whether no template has a gap."""
    return not any("{" in template for template in templates.values())
