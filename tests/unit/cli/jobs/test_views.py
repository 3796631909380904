from __future__ import annotations

import re
from io import StringIO
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from tests.unit.cli.results.samples import job

from pullback.cli.jobs.pace import Pace, rate_text, span_text
from pullback.cli.jobs.tally import Tally
from pullback.cli.jobs.views import LineView, LiveView, drawing, view_for
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterable


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Gives them."""
        return self.now


def _tally(succeeded: int, failed: int, queued: int, expected: int | None = None) -> Tally:
    tally = Tally(expected)
    states = [pb.JOB_STATE_SUCCEEDED] * succeeded + [pb.JOB_STATE_FAILED] * failed
    for index, state in enumerate(states + [pb.JOB_STATE_QUEUED] * queued):
        tally.see(job(index, state=state))
    return tally


@pytest.mark.parametrize(
    ("points", "rate"),
    [
        ([], None),
        ([(0, 0)], None),
        ([(0, 0), (10, 50)], 5.0),
        ([(0, 0), (10, 500), (70, 500), (130, 560)], 1.0),
        ([(0, 0), (0, 5)], None),
        ([(second, 2 * second) for second in range(1_000)], 2.0),
    ],
)
def test_the_rate_is_that_of_the_last_minute(points: Iterable[tuple[float, int]], rate: float | None) -> None:
    """Jobs divided by time, over a window that forgets what was long ago."""
    pace = Pace()
    for now, done in points:
        pace.mark(now, done)
    assert pace.rate == rate


def test_marking_often_keeps_little() -> None:
    """A day of marks ten times a second is held in a minute's points."""
    pace = Pace()
    for tick in range(10_000):
        pace.mark(tick / 10, tick)
    assert pace.rate == pytest.approx(10)
    assert len(pace._points) < 70
    assert pace.seconds_left(100) == pytest.approx(10)


def test_spans_and_rates_are_short() -> None:
    """Times are written as clocks show them, and rates with the digits that matter."""
    assert [span_text(seconds) for seconds in (None, 0, 59.6, 3_600, 7_384)] == [
        "-",
        "0:00",
        "1:00",
        "1:00:00",
        "2:03:04",
    ]
    assert [rate_text(rate) for rate in (None, 0.25, 9.0, 12_345.6)] == ["-", "0.25/s", "9.00/s", "12,346/s"]


def test_a_log_gets_a_line_when_it_is_time(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are no more frequent than asked for, and none says what the last one said."""
    clock = Clock()
    view = LineView(30.0, clock)
    view.show(_tally(0, 0, 4))
    clock.now += 29
    view.show(_tally(1, 0, 3))
    assert capsys.readouterr().err == ""
    clock.now += 1
    view.show(_tally(1, 1, 2))
    assert capsys.readouterr().err == "2 of 4 done: 2 queued, 1 succeeded, 1 failed; 0.07/s, 0:30 left\n"
    view.note("look")
    view.close(_tally(3, 1, 0))
    view.close(_tally(3, 1, 0))
    assert capsys.readouterr().err == "look\n4 of 4 done: 3 succeeded, 1 failed\n"


def test_progress_can_be_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    """With none, only notes are written."""
    view = view_for("none", 30.0)
    view.show(_tally(1, 0, 1))
    view.note("look")
    view.close(_tally(2, 0, 0))
    assert capsys.readouterr().err == "look\n"


def test_the_live_view_shows_counts_rate_and_time_left() -> None:
    """A bar with counts by state, below it what waits, and the submission while it lasts."""
    pace = Pace()
    pace.mark(0, 0)
    pace.mark(1, 3)
    console = Console(file=StringIO(), width=120, color_system=None)
    tally = _tally(2, 1, 7, expected=40)
    tally.submitted = 10
    console.print(drawing(tally, pace, 75.0))
    assert isinstance(console.file, StringIO)
    text = " ".join(console.file.getvalue().split())
    assert re.search(r"3 of 40 3\.00/s 1:15 so far 0:12 left", text)
    assert "submitted 10 of 40 queued 7 running 0 succeeded 2 failed 1" in text


def test_the_live_view_makes_room_for_a_question() -> None:
    """Notes stay above it, it can be paused, and the last state is what remains on the terminal."""
    stream, clock = StringIO(), Clock()
    view = LiveView(Console(file=stream, force_terminal=True, width=100, color_system=None), clock)
    view.show(_tally(1, 0, 1))
    view.note("night-1.7: failed", bad=True)
    view.pause()
    before = stream.tell()
    assert "1 of 2" in stream.getvalue()
    assert "night-1.7: failed" in stream.getvalue()
    view.resume()
    view.close(_tally(2, 0, 0))
    assert "2 of 2" in stream.getvalue()[before:]
