"""Which jobs a command is for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

import typer

from pullback.cli.results import BATCH_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pullback.client import Conditions, JobState

#: A batch's id: it is a label's value, and the beginning of its jobs' ids.
_BATCH_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")

_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True)
class Selection:
    """What a user says of jobs.

    Attributes:
        ids: of jobs.
        batch: the id of a batch.
        labels: each ``key=value``.
        states: of jobs.
        since: they were created at this time or later, or so long ago at most.
        until: they were created before this time, or longer ago.
    """

    ids: tuple[str, ...] = ()
    batch: str | None = None
    labels: tuple[str, ...] = ()
    states: tuple[JobState, ...] = ()
    since: str | None = None
    until: str | None = None

    def conditions(self) -> Conditions:
        """Gives what is said as conditions.

        Raises:
            typer.BadParameter: something is not written as it should be.
        """
        found: Conditions = {}
        labels = dict(map(_label, self.labels))
        if self.batch is not None:
            labels[BATCH_LABEL] = checked_batch_id(self.batch)
        if labels:
            found["labels"] = labels
        if self.ids:
            found["names"] = self.ids
        if self.states:
            found["states"] = self.states
        if self.since is not None:
            found["created_from"] = _time("--since", self.since)
        if self.until is not None:
            found["created_before"] = _time("--until", self.until)
        return found

    def required(self, *, states: bool = True) -> Conditions:
        """Gives what is said as conditions, of which there is at least one.

        Args:
            states: whether the command takes states, too.

        Raises:
            typer.BadParameter: nothing is said, or something is not written as it should be.
        """
        found = self.conditions()
        if not found:
            state = "--state, " if states else ""
            raise typer.BadParameter(
                f"say which jobs: their ids, --batch-id, --label, {state}--since or --until"
            )
        return found


def selection_of(
    ids: Sequence[str] | None,
    *,
    batch: str | None,
    labels: Sequence[str] | None,
    states: Sequence[str] | None,
    since: str | None,
    until: str | None,
) -> Selection:
    """Gathers what was typed, of which the states were checked."""
    words = cast("Sequence[JobState]", states or ())
    return Selection(tuple(ids or ()), batch, tuple(labels or ()), tuple(words), since, until)


def checked_batch_id(text: str) -> str:
    """Gives a batch's id back.

    Raises:
        typer.BadParameter: it is none.
    """
    if not _BATCH_ID.fullmatch(text):
        raise typer.BadParameter(
            f"{text!r} is no batch id: 1 to 63 characters from A-Z a-z 0-9 . _ -, the first of them no dot"
        )
    return text


def new_batch_id(stem: str, now: datetime, mark: str) -> str:
    """Makes a batch's id of a file's name, a time, and a mark that no other has."""
    clean = re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-")[:32] or "batch"
    return f"{clean}-{now:%Y%m%d-%H%M%S}-{mark}"


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise typer.BadParameter(f"{text!r} is not KEY=VALUE")
    return key, value


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """Gives the labels of ``KEY=VALUE``.

    Raises:
        typer.BadParameter: one is not written so.
    """
    return dict(map(_label, texts))


def _time(option: str, text: str) -> datetime:
    pieces = list(_SPAN.finditer(text))
    if pieces and "".join(piece[0] for piece in pieces) == text:
        ago = sum(
            (timedelta(**{_UNITS[unit]: float(count)}) for count, unit in (p.groups() for p in pieces)),
            timedelta(),
        )
        return datetime.now(UTC) - ago
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{option}: {text!r} is neither a time such as 2030-01-31T18:00:00Z nor a span such as 90s, 2h or 7d"
        ) from None
    return moment if moment.tzinfo else moment.astimezone()
