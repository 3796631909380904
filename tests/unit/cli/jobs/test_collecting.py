from __future__ import annotations

import signal
from collections import deque
from typing import TYPE_CHECKING, Any, cast, final

import pytest
from tests.unit.cli.results.samples import BATCH, job

from pullback.cli.jobs.collecting import Answer, Collection, Interrupted
from pullback.cli.jobs.inbox import Broke, Inbox, Settled, Signalled, Submitted
from pullback.cli.jobs.tally import Tally
from pullback.client import InvalidArgument, Job, Jobs, News, Unreachable
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pullback.cli.results import Known, Record

QUEUED, FAILED = pb.JOB_STATE_QUEUED, pb.JOB_STATE_FAILED


@final
class Script:
    """An inbox that gives what a test says, and lets time pass where the test says nothing."""

    def __init__(self, *messages: object) -> None:
        self.now = 0.0
        self._messages = deque(messages)

    def get(self, seconds: float) -> object:
        """Gives the next message; None for so many seconds without one."""
        if self._messages:
            return self._messages.popleft()
        self.now += seconds
        assert self.now < 1_000, "it waits for ever"
        return None


@final
class Recorder:
    """A view, a file and a service that keep what they are told."""

    def __init__(self, *there: pb.Job) -> None:
        self.notes: list[str] = []
        self.rows: list[str] = []
        self.known: dict[str, Known] = {}
        self.there = list(there)
        self.asked: list[list[str]] = []
        self.paused = 0

    def show(self, tally: Tally) -> None:
        """Draws nothing."""

    def note(self, text: str, *, bad: bool = False) -> None:  # noqa: ARG002 - of the protocol
        """Keeps it."""
        self.notes.append(text)

    def pause(self) -> None:
        """Counts."""
        self.paused += 1

    def resume(self) -> None:
        """Counts."""
        self.paused -= 1

    def close(self, tally: Tally | None = None) -> None:
        """Draws nothing."""

    def add(self, records: Iterable[Record]) -> int:
        """Keeps the ids."""
        self.rows += [record.facts["id"] for record in records]
        return 0

    def finish(self) -> None:
        """Does nothing."""

    def list(self, *, view: str, names: list[str]) -> Iterator[Job]:
        """Gives the jobs that are there of those that are asked for."""
        assert view == "result"
        self.asked.append(names)
        return iter([Job(found) for found in self.there if found.name.removeprefix("jobs/") in names])

    def get(self, wanted: Job) -> Job:
        """Gives a job with its result."""
        (found,) = [Job(there) for there in self.there if there.name == wanted.name]
        return found


def _news(*jobs: pb.Job, caught_up: bool = True, deleted: tuple[str, ...] = ()) -> News:
    return News(tuple(map(Job, jobs)), deleted, "", caught_up)


def _run(
    script: Script,
    recorder: Recorder,
    tally: Tally,
    *,
    submitting: bool = False,
    ask: Callable[[], Answer] | None = None,
    cancel: Callable[[], int] | None = None,
) -> Collection:
    collection = Collection(
        cast("Jobs", recorder),
        cast("Inbox", script),
        tally,
        recorder,
        recorder,
        batch=BATCH,
        submitting=submitting,
        ask=ask,
        cancel=cancel,
        clock=lambda: script.now,
    )
    collection.run()
    return collection


def _queued(index: int) -> pb.Job:
    made = job(index, state=QUEUED)
    made.ClearField("error")
    return made


def test_results_are_written_as_they_come() -> None:
    """It ends when the present state is known, all is sent, and every job is done and written."""
    recorder, tally = Recorder(), Tally(2)
    script = Script(
        _news(caught_up=True),
        Settled([(f"{BATCH}.0", None), (f"{BATCH}.1", None)]),
        _news(job(0)),
        _news(job(1, state=FAILED)),
        Submitted(),
    )
    _run(script, recorder, tally, submitting=True)
    assert recorder.rows == [f"{BATCH}.0", f"{BATCH}.1"]
    assert recorder.notes == [f"{BATCH}.1: failed: program: its worker was lost 5 times"]


def test_a_result_that_a_watch_left_out_is_fetched() -> None:
    """A row is never written without its values."""
    bare = job(0)
    bare.ClearField("result")
    recorder = Recorder(job(0))
    written: list[Any] = []
    recorder.add = lambda records: written.extend(records) or 0  # type: ignore[method-assign, func-returns-value]
    _run(Script(_news(bare)), recorder, Tally())
    assert [piece.name for record in written for piece in record.pieces] == ["y", "x"]


def test_an_earlier_try_is_not_told_when_a_later_one_is_there() -> None:
    """What failed and was tried again since is no news to someone who begins to watch."""
    recorder = Recorder()
    first = job(0, state=FAILED)
    _run(Script(_news(first, caught_up=False), _news(job(0, tries=2))), recorder, Tally())
    assert recorder.notes == []
    recorder = Recorder()
    _run(Script(_news(first, caught_up=False), _news(job(1))), recorder, Tally())
    assert len(recorder.notes) == 1


def test_a_job_that_vanished_unseen_is_found_missing() -> None:
    """After a minute without news the service is asked; what it does not have any more is gone, and the rest counts."""
    recorder = Recorder(job(1))
    tally = Tally()
    _run(Script(_news(_queued(0), _queued(1), job(2))), recorder, tally)
    assert recorder.asked == [[f"{BATCH}.0", f"{BATCH}.1"]]
    assert recorder.rows == [f"{BATCH}.2", f"{BATCH}.1"]
    assert (tally.counts["GONE"], tally.counts["SUCCEEDED"]) == (1, 2)


def test_a_job_that_takes_long_is_waited_for() -> None:
    """One that the service still has is asked for each minute, and no more."""
    recorder = Recorder(_queued(0))
    with pytest.raises(AssertionError, match="waits for ever"):
        _run(Script(_news(_queued(0))), recorder, Tally())
    assert 14 <= len(recorder.asked) <= 17


def test_a_deletion_ends_the_waiting_for_a_job() -> None:
    """A job that is deleted counts as gone; one that was written before stays what it was."""
    recorder, tally = Recorder(), Tally()
    _run(
        Script(_news(job(0), _queued(1)), _news(deleted=(f"jobs/{BATCH}.0", f"jobs/{BATCH}.1"))),
        recorder,
        tally,
    )
    assert (tally.counts["GONE"], tally.counts["SUCCEEDED"]) == (1, 1)


def test_few_failures_are_told_one_by_one() -> None:
    """A batch in which everything fails does not flood the terminal."""
    recorder = Recorder()
    _run(Script(_news(*(job(index, state=FAILED) for index in range(100)))), recorder, Tally())
    assert len(recorder.notes) == 21
    assert recorder.notes[-1] == "further ones are counted only"


def test_a_refusal_is_told_and_counts() -> None:
    """A job that was not created is an end of its row."""
    recorder, tally = Recorder(), Tally(1)
    refusal = InvalidArgument("is too long", field="job_id")
    _run(Script(_news(), Settled([(f"{BATCH}.0", refusal)]), Submitted()), recorder, tally, submitting=True)
    assert recorder.notes == [f"{BATCH}.0: refused: job_id: is too long"]
    assert tally.reasons == {"INVALID_FIELD": 1}


def test_an_error_of_a_source_ends_it() -> None:
    """A service that stays away is not waited for."""
    with pytest.raises(Unreachable):
        _run(Script(Broke(Unreachable("no service answers"))), Recorder(), Tally())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_where_nobody_can_answer(number: int) -> None:
    """The jobs are left."""
    with pytest.raises(Interrupted) as caught:
        _run(Script(_news(_queued(0)), Signalled(number)), Recorder(), Tally())
    assert caught.value.number == number


def test_a_user_decides_what_ctrl_c_means() -> None:
    """To go on goes on, to cancel waits for the rows of what was cancelled, and a SIGTERM is no question."""
    script = Script(_news(_queued(0)), Signalled(signal.SIGINT), _news(job(0)))
    recorder = Recorder()
    collection = _run(script, recorder, Tally(), ask=lambda: Answer.GO_ON)
    assert (collection.cancelled, recorder.paused) == (None, 0)
    cancelled = job(0, state=pb.JOB_STATE_CANCELLED)
    script = Script(_news(_queued(0)), Signalled(signal.SIGINT), _news(cancelled))
    recorder, tally = Recorder(), Tally(1_000)
    collection = _run(script, recorder, tally, submitting=True, ask=lambda: Answer.CANCEL, cancel=lambda: 1)
    assert (collection.cancelled, recorder.rows, tally.total) == (1, [f"{BATCH}.0"], 1)
    with pytest.raises(Interrupted):
        _run(
            Script(_news(_queued(0)), Signalled(signal.SIGINT)), Recorder(), Tally(), ask=lambda: Answer.LEAVE
        )
    with pytest.raises(Interrupted):
        _run(
            Script(_news(_queued(0)), Signalled(signal.SIGTERM)),
            Recorder(),
            Tally(),
            ask=lambda: Answer.GO_ON,
        )
