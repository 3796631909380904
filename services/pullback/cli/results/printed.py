"""Results as lines on standard output, which cannot be gone on with."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, final

from pullback.cli.results.record import line_of, newer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pullback.cli.results.record import Known, Record


@final
class PrintedLines:
    """Standard output as a result file.

    Attributes:
        known: the jobs whose rows were written.
    """

    def __init__(self) -> None:
        self.known: dict[str, Known] = {}

    def add(self, records: Iterable[Record]) -> int:
        """Writes the rows that were not written; gives how many."""
        new = newer(self.known, records)
        sys.stdout.writelines(map(line_of, new.values()))
        sys.stdout.flush()
        self.known |= {slot: record.known for slot, record in new.items()}
        return len(new)

    def finish(self) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""
