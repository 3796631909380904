"""Watches jobs that were submitted before, and fetches their results."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import typer

from pullback.cli.exits import FAILED, NOT_WRITTEN
from pullback.cli.jobs.tally import Tally
from pullback.cli.jobs.waiting import opened, say, summary, wait
from pullback.cli.results import record_of
from pullback.client import Client

if TYPE_CHECKING:
    from pullback.cli.jobs.selecting import Selection
    from pullback.cli.jobs.waiting import Manner
    from pullback.cli.results import ResultFile
    from pullback.client import Conditions

# Rows that are written at once.
_STEP = 500


def watch_jobs(selection: Selection, address: str, manner: Manner) -> int:
    """Shows how far jobs are until all are done; gives the exit status.

    Raises:
        typer.BadParameter: the selection is not written as it should be.
        PullbackError: the service could not be reached.
    """
    conditions = _watchable(selection)
    with Client(address, retry_for=manner.patience) as client:
        return wait(client, conditions, Tally(), None, manner)


def export_jobs(selection: Selection, output: str, address: str, manner: Manner, *, waiting: bool) -> int:
    """Writes the results that there are, or those of all jobs once they are done; gives the exit status.

    Raises:
        typer.BadParameter: the selection is not written as it should be, or the file is the wrong one.
        PullbackError: the service could not be reached.
    """
    conditions = _watchable(selection) if waiting else selection.conditions()
    with ExitStack() as stack:
        file = opened(stack, output)
        assert file is not None  # noqa: S101 - a name was given
        client = stack.enter_context(Client(address, retry_for=manner.patience))
        tally = Tally()
        if waiting:
            return wait(client, conditions, tally, file, manner)
        try:
            _write(client, conditions, file, tally)
        except OSError as error:
            say(f"the results cannot be written: {error}; what was written is good")
            return NOT_WRITTEN
    say(summary(tally))
    return 0 if tally.succeeded and tally.total else FAILED


def _write(client: Client, conditions: Conditions, file: ResultFile, tally: Tally) -> None:
    step = []
    for job in client.jobs.list(view="result", **conditions):
        tally.see(job.message)
        if job.done:
            step.append(record_of(job.message))
        if len(step) == _STEP:
            file.add(step)
            step = []
    file.add(step)
    file.finish()


def _watchable(selection: Selection) -> Conditions:
    if selection.states:
        raise typer.BadParameter("--state does not go with waiting: jobs change their state meanwhile")
    return selection.required(states=False)
