"""Waits for jobs: counts them, writes what came of them, shows how far they are, and heeds Ctrl-C."""

from __future__ import annotations

import signal
import time
from enum import Enum
from typing import TYPE_CHECKING, final

from pullback.cli.jobs.inbox import Broke, Settled, Signalled, Submitted
from pullback.cli.jobs.tally import GONE
from pullback.cli.results import TERMINAL, error_of, record_of, short_id
from pullback.client import Job, JobNotFound, News
from pullback.contract.errors import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pullback.cli.jobs.inbox import Inbox, Message
    from pullback.cli.jobs.tally import Tally
    from pullback.cli.jobs.views import View
    from pullback.cli.results import ResultFile
    from pullback.client import Jobs, JobView, PullbackError

# Seconds between looks at the view.
_TICK = 0.25

# Seconds without news after which the service is asked for the jobs that are not done, and how many of them at once:
# a job may be deleted, or its time to live may end, while the watch was broken for longer than changes are held.
_QUIET = 60.0
_ASKED = 10_000

# Failures that are told one by one.
_TOLD = 20


class Answer(Enum):
    """What a user wants after Ctrl-C."""

    GO_ON = "go on"
    LEAVE = "leave"
    CANCEL = "cancel"


class Interrupted(Exception):
    """A signal ended the waiting; the jobs go on.

    Attributes:
        number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def view_needed(file: ResultFile | None) -> JobView:
    """Gives how much of each job is asked for."""
    return "basic" if file is None else "result"


@final
class Collection:
    """Waits until jobs are done.

    Attributes:
        cancelled: how many were cancelled at the user's wish; None where that was not the wish.
    """

    def __init__(
        self,
        jobs: Jobs,
        inbox: Inbox,
        tally: Tally,
        view: View,
        file: ResultFile | None,
        *,
        batch: str | None = None,
        submitting: bool = False,
        ask: Callable[[], Answer] | None = None,
        cancel: Callable[[], int] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes what it works with.

        Args:
            jobs: the service's.
            inbox: where news come from.
            tally: counts the jobs.
            view: shows the counts.
            file: takes the results; None for counting alone.
            batch: the batch that all jobs are of; None where they are of none, or of several.
            submitting: whether jobs are still being sent.
            ask: asks the user after Ctrl-C; None where nobody could answer.
            cancel: cancels the jobs and gives how many.
            clock: seconds that never go back.
        """
        self._jobs = jobs
        self._inbox = inbox
        self._tally = tally
        self._view = view
        self._file = file
        self._batch = batch
        self._submitting = submitting
        self._caught_up = False
        self._ask = ask
        self._cancel = cancel
        self._clock = clock
        self._told = 0
        self._failures: list[Job] = []
        self.cancelled: int | None = None

    def run(self) -> None:
        """Waits until all jobs are done and written.

        Raises:
            Interrupted: a signal came, and the user did not want to go on.
            PullbackError: the service could not be reached, or refused.
            OSError: results could not be written.
        """
        heard = self._clock()
        while not (self._caught_up and not self._submitting and self._tally.over):
            message = self._inbox.get(_TICK)
            if message is not None:
                self._take(message)
                heard = self._clock()
            elif self._caught_up and self._clock() - heard > _QUIET:
                self._look_after()
                heard = self._clock()
            self._view.show(self._tally)

    def _take(self, message: Message) -> None:
        match message:
            case News():
                self._arrive(message.jobs)
                for name in message.deleted:
                    self._lose(short_id(name))
                self._caught_up = self._caught_up or message.caught_up
                self._tell_failures()
            case Settled():
                for slot, error in message.outcomes:
                    self._settle(slot, error)
            case Submitted():
                self._submitting = False
            case Broke():
                raise message.error
            case Signalled():
                self._interrupt(message.number)

    def _arrive(self, jobs: Iterable[Job]) -> None:
        """Writes results before they are counted: what is counted is safe."""
        arrived = list(filter(None, map(self._completed, jobs)))
        if self._file is not None:
            self._file.add(record_of(job.message) for job in arrived if job.done)
        changed = [job for job in arrived if self._tally.see(job.message)]
        self._failures += [job for job in changed if job.message.HasField("error")]

    def _completed(self, job: Job) -> Job | None:
        """Fetches the result that a watch left out."""
        if self._file is None or not job.done or job.known:
            return job
        try:
            return self._jobs.get(job)
        except JobNotFound:
            self._lose(job.id)
            return None

    def _settle(self, slot: str, error: PullbackError | None) -> None:
        if error is None:
            self._tally.create(slot)
            return
        self._tally.refuse(slot, TABLE[type(error)].reason)
        self._say(f"{slot}: refused: {error}")

    def _tell_failures(self) -> None:
        if not self._caught_up:
            return  # a later try at a row may come with the rest, and then the earlier one does not matter
        for job in self._failures:
            if self._tally.is_latest(job.message):
                error = error_of(job.message.error)
                text = f"{error['field']}: {error['message']}" if error["field"] else error["message"]
                self._say(f"{job.id}: {TERMINAL[job.message.state].lower()}: {text}")
        self._failures.clear()

    def _say(self, text: str) -> None:
        self._told += 1
        if self._told <= _TOLD:
            self._view.note(text, bad=True)
        if self._told == _TOLD:
            self._view.note("further ones are counted only")

    def _lose(self, job_id: str) -> None:
        if self._tally.lose(job_id, self._batch):
            self._say(
                f"{job_id}: {GONE.lower()}: it was deleted, or its time to live ended, before it was fetched"
            )

    def _look_after(self) -> None:
        wanted = self._tally.outstanding(_ASKED)
        if not wanted:
            return
        found = list(self._jobs.list(view=view_needed(self._file), names=wanted))
        self._arrive(found)
        self._tell_failures()
        for job_id in set(wanted).difference(job.id for job in found):
            self._lose(job_id)

    def _interrupt(self, number: int) -> None:
        if number != signal.SIGINT or self._ask is None:
            raise Interrupted(number)
        self._view.pause()
        answer = self._ask()
        if answer is Answer.LEAVE:
            raise Interrupted(number)
        if answer is Answer.CANCEL and self._cancel is not None:
            self.cancelled = self._cancel()
            self._submitting = False
            self._tally.expected = None  # what was not sent will not be
        self._view.resume()
