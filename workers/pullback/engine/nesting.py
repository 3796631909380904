"""How much nested tuples and lists hold: forty, each holding the one before twice, hold a million million values.

They cost nothing to build, and everything to print, to compare or to make a tensor of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.engine.faults import TooBig

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.contract.limits import Limits


def check_nesting(built: Sequence[object], limits: Limits) -> None:
    """Refuses a tuple or a list that holds more values than one literal may, or is nested more deeply.

    The walk ends where the limit is passed, so it never takes longer than the longest literal does.

    Raises:
        TooBig: it holds too much.
    """
    if not any(isinstance(item, (tuple, list)) for item in built):
        return
    count = 0
    stack = [(built, 1)]
    while stack:
        sequence, depth = stack.pop()
        if depth > limits.bracket_depth:
            raise TooBig("levels of nesting", depth, limits.bracket_depth, "bracket_depth")
        count += max(1, len(sequence))
        if count > 2 * limits.literal_elements:  # the tuples and lists are counted too, as half at most
            raise TooBig("nested values", count, limits.literal_elements, "literal_elements")
        stack += [(item, depth + 1) for item in sequence if isinstance(item, (tuple, list))]
