"""Spans and points in time, and label texts, as they are written in a batch file."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

# Unit -> seconds.
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SPAN = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|[smhd]))+")
_PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")

# Longest span: a century, which every service shortens.
_LONGEST = 100 * 365 * 86_400.0

LABEL_KEY = re.compile(r"[a-z0-9._/\-]{1,63}")
LABEL_VALUE = re.compile(r"[A-Za-z0-9._:\-]{0,63}")


def read_span(value: object) -> timedelta:
    """Reads a number of seconds, or a text such as ``90s``, ``1h30m`` or ``7d``.

    Raises:
        ValueError: it is neither, or not above 0.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= _LONGEST else float("inf")
    elif isinstance(value, str) and _SPAN.fullmatch(value):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PIECE.findall(value))
    else:
        raise ValueError("is neither a number of seconds nor a span such as 90s, 5m, 2h or 1h30m")
    if not 0 < seconds <= _LONGEST:
        raise ValueError("is not a span of time above 0 and below a century")
    return timedelta(seconds=seconds)


def read_moment(value: object) -> datetime | timedelta:
    """Reads a span, counted from when the batch is submitted, or a date and time with its zone.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, str) and not _SPAN.fullmatch(value):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("is neither a span such as 2h nor a time such as 2030-01-31T18:00:00Z") from None
        if moment.tzinfo is None:
            raise ValueError("lacks its time zone; write Z behind it for UTC, or +02:00")
        return moment
    return read_span(value)


def milliseconds_of(span: timedelta) -> int:
    """Gives a span in whole milliseconds, at least one."""
    return max(1, round(span.total_seconds() * 1_000))
