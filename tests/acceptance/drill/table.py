"""The drill's table, for people."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.acceptance.drill.run import Report, Row

HEAD = (
    "scenario", "load", "events", "accepted", "completed", "lost", "twice", "wrong",
    "recovery p50", "max", "wait max", "slowest", "verdict",
)  # fmt: skip


def lines(reports: list[Report]) -> list[str]:
    """Gives the table's lines: a row for each load of each scenario, and below it what may happen, where it may."""
    rows = [cells for report in reports for cells in _cells(report)]
    widths = [max(len(row[column]) for row in [list(HEAD), *rows]) for column in range(len(HEAD))]
    return [_line(list(HEAD), widths), _line(["-" * width for width in widths], widths)] + [
        _line(row, widths) for row in rows
    ]


def _cells(report: Report) -> list[list[str]]:
    if report.skipped:
        return [[report.scenario.title, *[""] * (len(HEAD) - 2), f"SKIPPED: {report.skipped}"]]
    if report.error:
        return [[report.scenario.title, *[""] * (len(HEAD) - 2), f"BROKE OFF: {report.error}"]]
    return [_row(report, row) for row in report.rows]


def _row(report: Report, row: Row) -> list[str]:
    ledger = row.ledger
    numbers = [
        row.events,
        ledger.accepted,
        ledger.completed,
        ledger.lost,
        ledger.duplicated,
        ledger.wrong_count,
    ]
    return [
        report.scenario.title,
        row.kind,
        *(f"{number:,}" for number in numbers),
        _seconds(median(row.recoveries) if row.recoveries else 0.0),
        _seconds(max(row.recoveries, default=0.0)),
        _seconds(max(row.waits, default=0.0)),
        _seconds(ledger.slowest),
        "; ".join(filter(None, [*row.faults, row.slow]))
        or f"as guaranteed: {report.scenario.guarantee.words}",
    ]


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _line(cells: list[str], widths: list[int]) -> str:
    # Text to the left, numbers to the right; the verdict has no end to keep to.
    left = [cell.ljust(width) for cell, width in zip(cells[:2], widths[:2], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(cells[2:-1], widths[2:-1], strict=True)]
    return "  ".join([*left, *right, cells[-1]])
