"""What a sweep runs over: axes, each of names that move together, whose combinations are the jobs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.cli.batch.columns import Column


@dataclass(frozen=True)
class Stretch:
    """Items of an axis that are in memory.

    Attributes:
        columns: the inputs.
        size: how many items there are.
        texts: for labels alone: the cells of columns that are no inputs.
        file: the table that they come from; empty for none.
        lines: the line or row of each; None where they come from no table.
    """

    columns: Mapping[str, Column]
    size: int
    texts: Mapping[str, list[str]] = field(default_factory=dict)
    file: str = ""
    lines: range | list[int] | None = None


@dataclass(frozen=True)
class ListedAxis:
    """An axis that is in memory as a whole.

    Attributes:
        section: where it stands: grid, zip, seed.
        columns: the values of each name, all equally many.
    """

    section: str
    columns: Mapping[str, Column]

    @property
    def stretch(self) -> Stretch:
        """All its items."""
        return Stretch(self.columns, len(next(iter(self.columns.values()))))

    def about(self) -> str:
        """Describes the axis in a line."""
        names = ", ".join(f"{name} {column.about()}" for name, column in self.columns.items())
        return f"{self.section}: {self.stretch.size:,} of {names}"
