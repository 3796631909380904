"""The small fields of a job, checked: names, labels, times."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.contract.names import JOBS, REQUEST_ID
from pullback.gateway.checking import MOST_NANOS, shown, too_much

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from google.protobuf.duration_pb2 import Duration
    from google.protobuf.timestamp_pb2 import Timestamp

MOST_LABELS = 16

_KEY = re.compile(r"[a-z0-9._/\-]{1,63}", re.ASCII)
_VALUE = re.compile(r"[A-Za-z0-9._:\-]{0,63}", re.ASCII)

# What a Timestamp may hold: the years 1 to 9999.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

# And a Duration: ten thousand years.
_MOST_SECONDS = 315_576_000_000


def name_of(job_id: str) -> str:
    """Gives a job's name."""
    return JOBS + job_id


def id_of(name: str, field: str = "name") -> str:
    """Gives the id in a job's name.

    Raises:
        InvalidArgument: it is no job's name.
    """
    if not name:
        raise InvalidArgument("is required: jobs/ and the job's id", field=field)
    job_id = name.removeprefix(JOBS)
    if not name.startswith(JOBS) or not REQUEST_ID.fullmatch(job_id):
        raise InvalidArgument(
            f"'{shown(name)}' is not jobs/ and an id of 1 to 128 characters from A-Z a-z 0-9 . _ : -",
            field=field,
        )
    return job_id


def check_id(value: str, field: str) -> None:
    """Checks an id that may be empty.

    Raises:
        InvalidArgument: it is too long, or has other characters than are allowed.
    """
    if value and not REQUEST_ID.fullmatch(value):
        raise InvalidArgument(
            f"'{shown(value)}' is not 1 to 128 characters from A-Z a-z 0-9 . _ : -", field=field
        )


def label_lines(labels: Mapping[str, str], field: str = "labels") -> str:
    """Gives labels as records have them: a line for each, sorted by key, with a line feed before, between and after.

    So one look for a line finds a label. Without labels the text is empty.

    Raises:
        InvalidArgument: a key or value has other characters than are allowed, or is too long.
        LimitExceeded: there are too many.
    """
    if not labels:
        return ""
    if len(labels) > MOST_LABELS:
        raise too_much(field, "labels", len(labels), MOST_LABELS)
    for key, value in labels.items():
        if not _KEY.fullmatch(key):
            raise InvalidArgument(
                f"'{shown(key)}' is not 1 to 63 characters from a-z 0-9 . _ / -", field=field
            )
        if not _VALUE.fullmatch(value):
            raise InvalidArgument(
                f"'{shown(value)}' is not up to 63 characters from A-Z a-z 0-9 . _ : -",
                field=f'{field}["{key}"]',
            )
    return "\n" + "".join(f"{key}={labels[key]}\n" for key in sorted(labels))


def timestamp_ms(time: Timestamp, field: str, *, up: bool = False) -> int:
    """Gives a time in ms since 1970; what lies between two is rounded down, or up.

    Raises:
        InvalidArgument: it is no time.
    """
    seconds, nanos = time.seconds, time.nanos
    if not _FIRST_SECOND <= seconds <= _LAST_SECOND or not 0 <= nanos <= MOST_NANOS:
        raise InvalidArgument(
            f"{seconds} s and {nanos} ns since 1970 are no time of the years 1 to 9999", field=field
        )
    return seconds * 1000 + (-(-nanos // 1_000_000) if up else nanos // 1_000_000)


def duration_ms(duration: Duration, field: str) -> int:
    """Gives a duration in ms, rounded up.

    Raises:
        InvalidArgument: it is none, or not above zero.
    """
    seconds, nanos = duration.seconds, duration.nanos
    if abs(seconds) > _MOST_SECONDS or abs(nanos) > MOST_NANOS or seconds * nanos < 0:
        raise InvalidArgument(f"{seconds} s and {nanos} ns are no duration", field=field)
    if seconds < 0 or nanos < 0 or not (seconds or nanos):
        raise InvalidArgument(f"{seconds + nanos / 1e9} s is not above zero", field=field)
    return seconds * 1000 - (-nanos // 1_000_000)


def check_known(value: int, known: Collection[int], field: str) -> None:
    """Checks a value of an enum.

    Raises:
        InvalidArgument: it is none that this service knows.
    """
    if value not in known:
        raise InvalidArgument(f"{value} is not known to this service", field=field)
