"""Drivers for Pullback: `python -m benchmarks.ours ADDRESS ROW...` measures rows against a running system."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.ours.concurrent import callers, stream256
from benchmarks.ours.health import health
from benchmarks.ours.sdk import sdk_callers, sdk_many, sdk_unary
from benchmarks.ours.sequential import stream, unary
from benchmarks.ours.steady import steady

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from benchmarks.figures import Figure

__all__ = ["ROWS"]

ROWS: Mapping[str, Callable[[str, float], Coroutine[None, None, Figure]]] = {
    "unary": unary,
    "stream": stream,
    "callers": callers,
    "stream256": stream256,
    "sdk_unary": sdk_unary,
    "sdk_callers": sdk_callers,
    "sdk_many": sdk_many,
    "steady": steady,
    "health": health,
}
