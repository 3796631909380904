"""The submission of a batch file, as a command."""

from __future__ import annotations

import re
import secrets
import signal
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from pullback.cli.batch import BatchError, load_batch
from pullback.cli.exits import FAILED, SIGNALLED
from pullback.cli.inputs import read_names, read_program
from pullback.cli.jobs.inbox import Settled
from pullback.cli.jobs.selecting import checked_batch_id, labels_of, new_batch_id
from pullback.cli.jobs.sending import Sender
from pullback.cli.jobs.tally import REFUSED, Tally
from pullback.cli.jobs.waiting import Manner, opened, say, summary, wait
from pullback.cli.results import BATCH_LABEL
from pullback.client import Client
from pullback.contract.errors import TABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a command that was used wrongly exits with.
_USAGE = 2

# Options that may be a number of seconds. Longer numbers may be meant as dates, such as 20300131.
_SPANS = frozenset({"timeout", "deadline", "not_before", "time_to_live"})
_SECONDS = re.compile(r"[0-9]{1,7}(\.[0-9]+)?")

# What was found wrong with jobs that are told one by one.
_TOLD = 20


@dataclass(frozen=True)
class Order:
    """What is to be submitted, and how.

    Attributes:
        file: the batch file.
        given: fields of the batch from the command line.
        batch: the batch's id; None for a new one.
        output: the result file; None for no results.
        manner: how to wait.
    """

    file: str
    given: Mapping[str, Any] = field(default_factory=dict)
    batch: str | None = None
    output: str | None = None
    manner: Manner = field(default_factory=Manner)


def submit(order: Order, address: str, *, detach: bool, dry_run: bool) -> int:
    """Submits a batch file, and waits for its jobs unless told not to; gives the exit status.

    Raises:
        typer.BadParameter: something is wrong with the arguments, or with the result file.
        PullbackError: the service refused, or could not be reached.
    """
    batch_id = order.batch and checked_batch_id(order.batch)
    if detach and order.output is not None:
        raise typer.BadParameter(
            "--output does not go with --detach, which leaves before there are results. To collect them, run the "
            "command again without --detach, or pullback jobs export"
        )
    try:
        rows = load_batch(order.file, order.given)
    except BatchError as error:
        say(str(error))
        return _USAGE
    if dry_run:
        typer.echo(rows.describe(), nl=False)
        return 0
    known = batch_id is not None
    batch_id = batch_id or new_batch_id(Path(order.file).stem, datetime.now(UTC), secrets.token_hex(2))
    manner = (
        order.manner if known else replace(order.manner, again=f"{order.manner.again} --batch-id {batch_id}")
    )
    with ExitStack() as stack:
        file = opened(stack, order.output)
        tally = Tally(len(rows))
        client = stack.enter_context(Client(address, retry_for=manner.patience))
        skip = file.known if file is not None else {}
        _check_belongs(skip, batch_id, len(rows), order.output)
        tally.begin_with(skip)
        tally.submitted = len(skip)
        sender = Sender(client.jobs, rows, batch_id, skip=frozenset(skip), patience=manner.patience)
        try:
            if detach:
                return _detach(sender, tally, batch_id, manner)
            say(f"batch {batch_id}: {len(rows):,} jobs")
            return wait(client, {"labels": {BATCH_LABEL: batch_id}}, tally, file, manner, sender=sender)
        except BatchError as error:  # a file was changed while its jobs were sent
            say(str(error))
            return _USAGE


def given_of(
    *,
    program: str | None,
    outputs: list[str] | None,
    wrt: list[str] | None,
    labels: list[str] | None,
    **fields: object,
) -> dict[str, object]:
    """Gives what was typed as fields of a batch file; what was not typed is left out.

    Raises:
        typer.BadParameter: a file cannot be read, or a label is not written as it should be.
    """
    said = {
        "program": program and read_program(program),
        "outputs": read_names(outputs or ()),
        "wrt": read_names(wrt or ()),
        "labels": labels_of(labels or ()),
        **{key: _seconds(value) if key in _SPANS else value for key, value in fields.items()},
    }
    # A number of 0 was typed, for a seed and, wrongly, for a span; everything else that is empty was not.
    return {key: value for key, value in said.items() if value or (key in {"seed", *_SPANS} and value == 0)}


def _seconds(value: object) -> object:
    return float(value) if isinstance(value, str) and _SECONDS.fullmatch(value) else value


def _check_belongs(skip: Mapping[str, object], batch_id: str, rows: int, output: str | None) -> None:
    """Refuses a result file of another batch: its rows would be taken for this one's.

    Raises:
        typer.BadParameter: it is one.
    """
    for slot in skip:
        batch, _, index = slot.rpartition(".")
        if batch != batch_id:
            raise typer.BadParameter(
                f"{output} holds results of other jobs, such as {slot}. To go on with them, give the --batch-id that "
                "they were submitted with; for new jobs, the name of another file"
            )
        if int(index) >= rows:
            raise typer.BadParameter(
                f"{output} has a row for {slot}, but the batch has {rows:,} jobs: it was changed"
            )


def _detach(sender: Sender, tally: Tally, batch_id: str, manner: Manner) -> int:
    """Sends all jobs and leaves them; prints the batch's id for whoever comes for the results."""
    told = 0
    try:
        for message in sender.messages():
            for slot, error in message.outcomes if isinstance(message, Settled) else ():
                if error is None:
                    tally.create(slot)
                    continue
                tally.refuse(slot, TABLE[type(error)].reason)
                told += 1
                if told <= _TOLD:
                    say(f"{slot}: refused: {error}")
    except KeyboardInterrupt:
        say(f"{tally.submitted:,} of {tally.total:,} jobs were submitted; to submit the rest: {manner.again}")
        return SIGNALLED + signal.SIGINT
    if tally.counts[REFUSED]:
        say(summary(tally))
    typer.echo(batch_id)
    return FAILED if tally.counts[REFUSED] else 0
