"""What is wrong in a batch file, all of it at once, each with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

# Faults that are kept and shown. A column of the wrong type has one in each of a million rows, all for one reason.
MOST_FAULTS = 100

# Longest text that a message quotes, in characters.
_QUOTED = 60


class Fault(NamedTuple):
    """One thing that is wrong.

    Attributes:
        file: the file, as it was named.
        line: its line, from 1; None where the file has no lines.
        field: the path of the field within the file, or the column of a table; may be empty.
        message: what was found and what was expected.
    """

    file: str
    line: int | None
    field: str
    message: str

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.field, self.message) if part)


class BatchError(Exception):
    """A batch file cannot be submitted. The text has a line, or more, for each fault.

    Attributes:
        faults: what is wrong, in the order in which it was found.
        left_out: how many more faults there are.
    """

    def __init__(self, faults: Iterable[Fault], left_out: int = 0) -> None:
        self.faults = list(faults)
        self.left_out = left_out
        more = [f"and {left_out:,} more"] if left_out else []
        super().__init__("\n".join([*map(str, self.faults), *more]))


@dataclass
class Faults:
    """Collects faults. One that is met again, through each of the jobs that share a field, counts once."""

    found: dict[Fault, None] = field(default_factory=dict)
    left_out: int = 0

    def __bool__(self) -> bool:
        return bool(self.found)

    def add(self, fault: Fault) -> None:
        """Takes one more."""
        if fault in self.found:
            return
        if len(self.found) < MOST_FAULTS:
            self.found[fault] = None
        else:
            self.left_out += 1

    def take(self, others: BatchError | Faults) -> None:
        """Takes those of others."""
        for fault in others.faults if isinstance(others, BatchError) else others.found:
            self.add(fault)
        self.left_out += others.left_out

    def raise_any(self) -> None:
        """Ends the reading where there is a fault.

        Raises:
            BatchError: there is.
        """
        if self.found:
            raise BatchError(_in_order(self.found), self.left_out)


def _in_order(faults: Iterable[Fault]) -> list[Fault]:
    """Sorts faults by line within each file, and files by when they first had one."""
    found = list(faults)
    rank: dict[str, int] = {}
    for fault in found:
        rank.setdefault(fault.file, len(rank))
    return sorted(found, key=lambda fault: (rank[fault.file], fault.line or 0))


def quoted(value: object) -> str:
    """Writes what was found as it stands in a file, cut where it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[: _QUOTED - 1]}…"
