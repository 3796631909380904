"""What a user sees of jobs under way: a live view on a terminal, a line now and then where there is none."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Literal, Protocol, final

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from pullback.cli.jobs import tally as states
from pullback.cli.jobs.pace import Pace, rate_text, span_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from pullback.cli.jobs.tally import Tally

Progress = Literal["auto", "live", "lines", "none"]

# Times a second that the live view is drawn.
_FRAMES = 4

_STYLES = {
    states.RUNNING: "cyan",
    states.SUCCEEDED: "green",
    **dict.fromkeys(states.ENDS[1:], "red"),
}


class View(Protocol):
    """Shows how far jobs are."""

    def show(self, tally: Tally) -> None:
        """Is called often; draws when it is time."""

    def note(self, text: str, *, bad: bool = False) -> None:
        """Says something that is to be read later, too."""

    def pause(self) -> None:
        """Gives the terminal to a question."""

    def resume(self) -> None:
        """Takes it back."""

    def close(self, tally: Tally) -> None:
        """Shows the end."""


def view_for(progress: Progress, every: float) -> View:
    """Gives the view that was asked for; ``auto`` is live on a terminal, and lines elsewhere."""
    if progress == "auto":
        progress = "live" if sys.stderr.isatty() else "lines"
    if progress == "live":
        return LiveView(Console(stderr=True))
    return LineView(float("inf") if progress == "none" else every)


def counts_text(tally: Tally) -> str:
    """Writes the counts that are not 0."""
    waiting = tally.counts[states.QUEUED] + tally.counts[states.CREATED]
    counts = {"queued": waiting} | {
        state.lower(): tally.counts[state] for state in (states.RUNNING, *states.ENDS)
    }
    counts["not submitted"] = tally.unsubmitted
    return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count) or "none"


@final
class LineView:
    """A line when something changed, and no more than one in so many seconds: for logs."""

    def __init__(self, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._every = every
        self._clock = clock
        self._pace = Pace()
        self._next = clock() + every
        self._said = ""

    def show(self, tally: Tally) -> None:
        """Writes a line, where it is time."""
        now = self._clock()
        self._pace.mark(now, tally.done)
        if now < self._next:
            return
        self._next = now + self._every
        self._say(tally)

    def note(self, text: str, *, bad: bool = False) -> None:  # noqa: ARG002 - a log has no colours
        """Writes a line."""
        typer.echo(text, err=True)

    def pause(self) -> None:
        """Does nothing."""

    def resume(self) -> None:
        """Does nothing."""

    def close(self, tally: Tally) -> None:
        """Writes the last counts, where lines are wanted."""
        if self._every != float("inf"):
            self._say(tally)

    def _say(self, tally: Tally) -> None:
        line = f"{tally.done:,} of {tally.total:,} done: {counts_text(tally)}"
        if not tally.over:
            left = span_text(self._pace.seconds_left(tally.total - tally.done))
            line += f"; {rate_text(self._pace.rate)}, {left} left"
        if line != self._said:
            self._said = line
            self.note(line)


@final
class LiveView:
    """A bar, counts by state, rate and time left, drawn anew some times a second."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._pace = Pace()
        self._start = clock()
        self._drawn = float("-inf")
        self._live = Live(console=console, auto_refresh=False)
        self._live.start()

    def show(self, tally: Tally) -> None:
        """Draws, where it is time."""
        now = self._clock()
        self._pace.mark(now, tally.done)
        if now - self._drawn >= 1 / _FRAMES:
            self._draw(tally)

    def note(self, text: str, *, bad: bool = False) -> None:
        """Writes a line above the view."""
        self._console.print(Text(text, style="red" if bad else ""), soft_wrap=True)

    def pause(self) -> None:
        """Leaves the terminal as it is."""
        self._live.stop()

    def resume(self) -> None:
        """Draws below what was written meanwhile."""
        self._live.start()
        self._drawn = float("-inf")

    def close(self, tally: Tally) -> None:
        """Draws the end, which stays."""
        self._pace.mark(self._clock(), tally.done)
        self._draw(tally)
        self._live.stop()

    def _draw(self, tally: Tally) -> None:
        self._drawn = self._clock()
        self._live.update(drawing(tally, self._pace, self._drawn - self._start), refresh=True)


def drawing(tally: Tally, pace: Pace, elapsed: float) -> RenderableType:
    """Makes the live view."""
    bar = Table.grid(padding=(0, 2))
    left = "" if tally.over else f"{span_text(pace.seconds_left(tally.total - tally.done))} left"
    bar.add_row(
        ProgressBar(total=max(1, tally.total), completed=tally.done, width=40),
        f"{tally.done:,} of {tally.total:,}",
        rate_text(pace.rate),
        f"{span_text(elapsed)} so far",
        left,
    )
    counts = Text()
    if tally.expected is not None and tally.submitted < tally.expected:
        counts.append(f"submitted {tally.submitted:,} of {tally.expected:,}   ", "bold")
    waiting = tally.counts[states.QUEUED] + tally.counts[states.CREATED]
    for state, count in {states.QUEUED: waiting, **{key: tally.counts[key] for key in _STYLES}}.items():
        if count or state in {states.QUEUED, states.RUNNING, states.SUCCEEDED}:
            counts.append(f"{state.lower()} ", "dim").append(f"{count:,}   ", _STYLES.get(state, ""))
    return Group(bar, counts)
