"""Waits for jobs on behalf of a command, and ends with what its exit status says."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import typer

from pullback.cli.exits import FAILED, NOT_WRITTEN, SIGNALLED, status_of
from pullback.cli.jobs import tally as states
from pullback.cli.jobs.collecting import Collection, Interrupted, view_needed
from pullback.cli.jobs.inbox import Inbox
from pullback.cli.jobs.question import ask, can_ask
from pullback.cli.jobs.views import counts_text, view_for
from pullback.cli.results import BATCH_LABEL, OutputBusy, open_results
from pullback.client import PullbackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from pullback.cli.jobs.inbox import Message
    from pullback.cli.jobs.sending import Sender
    from pullback.cli.jobs.tally import Tally
    from pullback.cli.jobs.views import Progress, View
    from pullback.cli.results import ResultFile
    from pullback.client import Client, Conditions

# Seconds to wait for a thread to notice that the command ends.
_LEAVE = 2.0


@dataclass(frozen=True)
class Manner:
    """How a command waits.

    Attributes:
        progress: what is shown.
        every: seconds between lines, where lines are shown.
        patience: seconds that the service may be away.
        as_json: whether the last counts are printed as JSON.
        again: the command that goes on where this one ended.
    """

    progress: Progress = "auto"
    every: float = 30.0
    patience: float = 60.0
    as_json: bool = False
    again: str = ""


def opened(stack: ExitStack, name: str | None) -> ResultFile | None:
    """Opens a result file until the stack is left.

    Raises:
        typer.BadParameter: it is the wrong file.
        typer.Exit: it cannot be written.
    """
    if name is None:
        return None
    try:
        file = open_results(name)
    except (OSError, OutputBusy) as error:
        say(f"pullback: {_of_file(name, error)}")
        raise typer.Exit(NOT_WRITTEN) from None
    stack.callback(file.close)
    return file


def wait(
    client: Client,
    conditions: Conditions,
    tally: Tally,
    file: ResultFile | None,
    manner: Manner,
    *,
    sender: Sender | None = None,
) -> int:
    """Waits until jobs are done, and gives the exit status.

    Args:
        client: to the service; closed before this returns, lest a thread still wait on it.
        conditions: which jobs.
        tally: counts them, and may know some already.
        file: takes the results.
        manner: how.
        sender: sends the jobs meanwhile; None where they were sent before.
    """
    inbox = Inbox()
    view = view_for(manner.progress, manner.every)
    with inbox.signals():
        try:
            collection = _started(
                client, conditions, tally, file, manner, inbox=inbox, view=view, sender=sender
            )
            ending = _run(collection, tally, file)
        finally:
            inbox.close()
            client.close()
            inbox.join(_LEAVE)
            view.close(tally)
    for text in (ending.text, f"to go on: {manner.again}" if ending.unfinished else "", summary(tally)):
        if text:
            say(text)
    if manner.as_json:
        typer.echo(json.dumps(as_dict(tally)))
    return ending.status


class _Ending(NamedTuple):
    """How the waiting ended."""

    status: int
    text: str = ""
    unfinished: bool = False


def _run(collection: Collection, tally: Tally, file: ResultFile | None) -> _Ending:
    try:
        collection.run()
        if file is not None:
            file.finish()
    except Interrupted as interrupted:
        which = "the jobs that were submitted go on" if tally.unsubmitted else "the jobs go on"
        return _Ending(SIGNALLED + interrupted.number, which, unfinished=True)
    except PullbackError as fault:
        return _Ending(status_of(fault), f"pullback: {fault}", unfinished=True)
    except BrokenPipeError:  # nobody reads the results any more, nor what we would say of it
        raise
    except OSError as error:
        text = (
            f"pullback: the results cannot be written: {error}. The jobs go on, and what was written is good"
        )
        return _Ending(NOT_WRITTEN, text, unfinished=True)
    if collection.cancelled is not None:
        return _Ending(SIGNALLED + signal.SIGINT, f"cancelled {collection.cancelled:,} jobs")
    return _Ending(0 if tally.succeeded and tally.total else FAILED)


def _started(
    client: Client,
    conditions: Conditions,
    tally: Tally,
    file: ResultFile | None,
    manner: Manner,
    *,
    inbox: Inbox,
    view: View,
    sender: Sender | None,
) -> Collection:
    def watch() -> Iterator[Message]:
        yield from client.jobs.watch(view=view_needed(file), retry_for=manner.patience, **conditions)

    def cancel() -> int:
        if sender is not None:
            sender.stop()
        count = 0
        while found := client.jobs.cancel_many(**conditions):  # some may be created meanwhile
            count += found
        return count

    inbox.start("watch", watch)
    if sender is not None:
        inbox.start("submit", sender.messages)
    batch = conditions.get("labels", {}).get(BATCH_LABEL)
    asking = ask if can_ask() else None
    return Collection(
        client.jobs,
        inbox,
        tally,
        view,
        file,
        batch=batch,
        submitting=sender is not None,
        ask=asking,
        cancel=cancel,
    )


def summary(tally: Tally) -> str:
    """Writes the counts, and for what reasons jobs did not succeed."""
    if not tally.total:
        return "there are no such jobs"
    text = f"{tally.total:,} jobs: {counts_text(tally)}"
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in tally.reasons.most_common() if count)
    return f"{text} ({reasons})" if reasons else text


def as_dict(tally: Tally) -> dict[str, object]:
    """Gives the counts for programs to read."""
    waiting = tally.counts[states.QUEUED] + tally.counts[states.CREATED]
    return {
        "total": tally.total,
        "not_submitted": tally.unsubmitted,
        "queued": waiting,
        **{state.lower(): tally.counts[state] for state in (states.RUNNING, *states.ENDS)},
        "reasons": {reason: count for reason, count in sorted(tally.reasons.items()) if count},
    }


def say(text: str) -> None:
    """Writes a line for the user, away from what programs read."""
    typer.echo(text, err=True)


def _of_file(name: str, error: OSError | OutputBusy) -> str:
    return f"{name}: {error.strerror}" if isinstance(error, OSError) else str(error)
