"""Medians of the rounds, the ratios of the budget, and how they are printed."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import platform
import statistics
from typing import TYPE_CHECKING, cast

import psutil

from benchmarks.environments import versions_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Figure


@dataclasses.dataclass(frozen=True, slots=True)
class Budget:
    """A ratio of two rows that the design sets a bound for.

    Attributes:
        what: the row of the table.
        ours: our row.
        peer: the peer's row.
        by: ``p50_ms``, where smaller is better, or ``rate``, where larger is.
        at_least: the ratio that must be kept; None where none is set.
        aim: the ratio that is hoped for.
    """

    what: str
    ours: str
    peer: str
    by: str
    at_least: float | None = None
    aim: float | None = None


BUDGETS = (
    Budget(
        "sequential unary p50 / pytensor-federated's stream",
        "unary",
        "pytensor_federated",
        "p50_ms",
        1.2,
        0.8,
    ),
    Budget("sequential stream p50 / pytensor-federated's stream", "stream", "pytensor_federated", "p50_ms"),
    Budget("50 unary callers / UM-Bridge, its own client", "callers", "umbridge_callers", "rate", 2.5, 5.0),
    Budget("50 unary callers / UM-Bridge, a lean client", "callers", "umbridge_lean", "rate"),
    Budget("streamed in 256s / local eager torch loop", "stream256", "local", "rate", 3.0, 10.0),
)

# Milliseconds, for the slowest health check while every worker computes.
HEALTH_LIMIT_MS = 50.0


def medians(rounds: Mapping[str, Sequence[Figure]]) -> dict[str, dict[str, float]]:
    """Returns, by row, the median of each number over the rounds, and the spread of the rate in percent."""
    return {row: _median(figures) for row, figures in rounds.items()}


def _median(figures: Sequence[Figure]) -> dict[str, float]:
    def middle(name: str) -> float:
        return statistics.median(float(getattr(figure, name)) for figure in figures)

    rates = [figure.rate for figure in figures]
    cpu = {role: statistics.median(f.cpu_us.get(role, 0.0) for f in figures) for role in figures[0].cpu_us}
    return {
        "p50_ms": middle("p50_ms"),
        "p99_ms": middle("p99_ms"),
        "max_ms": max(figure.max_ms for figure in figures),
        "rate": statistics.median(rates),
        "spread_percent": 100 * (max(rates) - min(rates)) / statistics.median(rates),
        "rounds": len(figures),
    } | {f"cpu_us.{role}": spent for role, spent in cpu.items()}


def ratios(rows: Mapping[str, Mapping[str, float]]) -> list[dict[str, object]]:
    """Returns the budgets whose two rows were measured, each with both figures, the ratio and whether it holds."""
    found: list[dict[str, object]] = []
    for budget in BUDGETS:
        if budget.ours in rows and budget.peer in rows:
            ours, peer = rows[budget.ours][budget.by], rows[budget.peer][budget.by]
            verdict = {
                "figure": ours,
                "peer_figure": peer,
                "ratio": ours / peer,
                "holds": _holds(budget, ours / peer),
            }
            found.append(dataclasses.asdict(budget) | verdict)
    return found


def _holds(budget: Budget, ratio: float) -> bool | None:
    if budget.at_least is None:
        return None
    return ratio <= budget.at_least if budget.by == "p50_ms" else ratio >= budget.at_least


def busy_percent() -> float:
    """Returns how busy the machine is with other things, in percent of all cores, over half a second."""
    return psutil.cpu_percent(interval=0.5)


def machine(busy: float) -> dict[str, object]:
    """Returns what the figures were taken on; `busy` is what `busy_percent` gave beforehand."""
    packages = ("pullback", "torch", "grpcio", "celery", "redis", "numpy")
    return {
        "cores": psutil.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "busy_percent": busy,
        "versions": {"here": {name: importlib.metadata.version(name) for name in packages}}
        | {peer: versions_of(peer) for peer in ("umbridge", "pytensor_federated")},
    }


def machine_text(found: Mapping[str, object]) -> str:
    """Returns the machine and the versions as text."""
    lines = [
        f"{found['cores']} cores, {found['system']}, Python {found['python']}, {found['busy_percent']:.0f}% busy before"
    ]
    for owner, versions in cast("dict[str, dict[str, str]]", found["versions"]).items():
        lines.append(f"{owner}: " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    return "\n".join(lines)


def rows_text(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Returns every row as text."""
    lines = [
        f"{'row':<22}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'per second':>12}{'spread':>8}  processor time per answer"
    ]
    for name, row in rows.items():
        times = "".join(
            f"{row[key]:>9.2f}" if row["max_ms"] else f"{'':>9}" for key in ("p50_ms", "p99_ms", "max_ms")
        )
        cpu = ", ".join(
            f"{k.removeprefix('cpu_us.')} {v:,.0f} us" for k, v in row.items() if k.startswith("cpu_us.")
        )
        lines.append(f"{name:<22}{times}{row['rate']:>12,.0f}{row['spread_percent']:>7.0f}%  {cpu}")
    return "\n".join(lines)


def ratios_text(found: Sequence[Mapping[str, object]]) -> str:
    """Returns the table of ratios as text."""
    lines = [f"{'what':<58}{'figure':>12}{'peer':>12}{'ratio':>8}{'at least':>10}{'aim':>7}"]
    for row in found:
        unit = " ms" if row["by"] == "p50_ms" else "/s"
        digits = 2 if row["by"] == "p50_ms" else 0
        figure, peer = (f"{row[key]:,.{digits}f}{unit}" for key in ("figure", "peer_figure"))
        bounds = "".join(
            f"{'-' if row[key] is None else row[key]:>{width}}"
            for key, width in (("at_least", 10), ("aim", 7))
        )
        missed = "  missed" if row["holds"] is False else ""
        lines.append(f"{row['what']:<58}{figure:>12}{peer:>12}{row['ratio']:>8.2f}{bounds}{missed}")
    return "\n".join(lines)


def health_text(rows: Mapping[str, Mapping[str, float]]) -> str:
    """Returns the verdict on health checks under load, where they were measured."""
    if "health" not in rows:
        return ""
    slowest = rows["health"]["max_ms"]
    return (
        f"health check while every worker computes: slowest {slowest:.1f} ms, limit {HEALTH_LIMIT_MS:.0f} ms"
    )
