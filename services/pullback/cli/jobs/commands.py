"""`pullback jobs`: its commands and their options. What a command does is imported when it runs."""

# No postponed annotations here: typer reads them.
import shlex
import sys
from typing import Annotated

import typer

from pullback.cli.address import DEFAULT_ADDRESS, Address
from pullback.cli.exits import FAILED, faults_reported
from pullback.cli.jobs import options

jobs_app = typer.Typer(
    name="jobs",
    help="List, watch, fetch, cancel, retry and delete jobs that were submitted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def this_command() -> str:
    """Gives what was typed, to be typed again."""
    return shlex.join(["pullback", *sys.argv[1:]])


@jobs_app.command("list")
def _list(
    ids: options.Ids = None,
    *,
    batch_id: options.BatchId = None,
    label: options.Labels = None,
    state: options.States = None,
    since: options.Since = None,
    until: options.Until = None,
    most: Annotated[int, typer.Option("--most", help="Jobs that are listed; 0 for all.", min=0)] = 100,
    as_json: options.AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """List jobs, newest first."""
    with faults_reported():
        from pullback.cli.jobs.looking import list_jobs  # noqa: PLC0415 - imports grpc and rich
        from pullback.cli.jobs.selecting import selection_of  # noqa: PLC0415 - for this command only

        selection = selection_of(ids, batch=batch_id, labels=label, states=state, since=since, until=until)
        for text in list_jobs(selection, address, most=most, as_json=as_json):
            typer.echo(text, nl=False)


@jobs_app.command("get")
def _get(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of jobs.")],
    *,
    program: Annotated[bool, typer.Option("--program", help="Show the program, too.")] = False,
    as_json: options.AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Show jobs with their results: exit status 0 where all succeeded."""
    with faults_reported():
        from pullback.cli.jobs.looking import get_jobs  # noqa: PLC0415 - imports grpc and rich

        texts, missing, succeeded = get_jobs(ids, address, as_json=as_json, program=program)
        typer.echo("".join(texts), nl=False)
    _end(missing, succeeded=succeeded)


@jobs_app.command("watch")
def _watch(
    ids: options.Ids = None,
    *,
    batch_id: options.BatchId = None,
    label: options.Labels = None,
    since: options.Since = None,
    until: options.Until = None,
    progress: options.Progress = "auto",
    every: options.Every = 30.0,
    retry_for: options.Patience = 60.0,
    as_json: options.AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Show how far jobs are until all are done: exit status 0 where all succeeded."""
    with faults_reported():
        from pullback.cli.jobs.exporting import watch_jobs  # noqa: PLC0415 - imports grpc and rich
        from pullback.cli.jobs.selecting import selection_of  # noqa: PLC0415 - for this command only
        from pullback.cli.jobs.waiting import Manner  # noqa: PLC0415 - imports grpc and rich

        selection = selection_of(ids, batch=batch_id, labels=label, states=None, since=since, until=until)
        status = watch_jobs(selection, address, Manner(progress, every, retry_for, as_json, this_command()))
    raise typer.Exit(status)


@jobs_app.command("export")
def _export(
    ids: options.Ids = None,
    *,
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", metavar="FILE", help=".jsonl, .npz, .safetensors or .parquet, or - for lines."
        ),
    ],
    batch_id: options.BatchId = None,
    label: options.Labels = None,
    state: options.States = None,
    since: options.Since = None,
    until: options.Until = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all are done.")] = False,
    progress: options.Progress = "auto",
    every: options.Every = 30.0,
    retry_for: options.Patience = 60.0,
    as_json: options.AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Write results to a file, which may have some of them already: exit status 0 where all jobs succeeded."""
    with faults_reported():
        from pullback.cli.jobs.exporting import export_jobs  # noqa: PLC0415 - imports grpc and rich
        from pullback.cli.jobs.selecting import selection_of  # noqa: PLC0415 - for this command only
        from pullback.cli.jobs.waiting import Manner  # noqa: PLC0415 - imports grpc and rich

        selection = selection_of(ids, batch=batch_id, labels=label, states=state, since=since, until=until)
        manner = Manner(progress, every, retry_for, as_json, this_command())
        status = export_jobs(selection, output, address, manner, waiting=wait)
    raise typer.Exit(status)


@jobs_app.command("cancel")
def _cancel(
    ids: options.Ids = None,
    *,
    batch_id: options.BatchId = None,
    label: options.Labels = None,
    state: options.States = None,
    since: options.Since = None,
    until: options.Until = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Cancel jobs that are not done; the others stay as they are."""
    with faults_reported():
        from pullback.cli.jobs.changing import cancel_jobs  # noqa: PLC0415 - imports grpc
        from pullback.cli.jobs.selecting import selection_of  # noqa: PLC0415 - for this command only

        count, missing = cancel_jobs(
            selection_of(ids, batch=batch_id, labels=label, states=state, since=since, until=until), address
        )
        typer.echo(f"cancelled {count:,}")
    _end(missing)


@jobs_app.command("retry")
def _retry(
    ids: options.Ids = None,
    *,
    batch_id: options.BatchId = None,
    label: options.Labels = None,
    state: options.States = None,
    since: options.Since = None,
    until: options.Until = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Try jobs again that did not succeed; print the ids of the new ones."""
    with faults_reported():
        from pullback.cli.jobs.changing import retry_jobs  # noqa: PLC0415 - imports grpc
        from pullback.cli.jobs.selecting import selection_of  # noqa: PLC0415 - for this command only

        made, missing = retry_jobs(
            selection_of(ids, batch=batch_id, labels=label, states=state, since=since, until=until), address
        )
        typer.echo("".join(f"{job_id}\n" for job_id in made), nl=False)
        if not made:
            typer.echo("nothing to try again", err=True)
    _end(missing)


@jobs_app.command("delete")
def _delete(
    ids: options.Ids = None,
    *,
    batch_id: options.BatchId = None,
    label: options.Labels = None,
    state: options.States = None,
    since: options.Since = None,
    until: options.Until = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Delete jobs with their results; those that are not done are stopped first."""
    with faults_reported():
        from pullback.cli.jobs.changing import delete_jobs  # noqa: PLC0415 - imports grpc
        from pullback.cli.jobs.selecting import selection_of  # noqa: PLC0415 - for this command only

        count, missing = delete_jobs(
            selection_of(ids, batch=batch_id, labels=label, states=state, since=since, until=until), address
        )
        typer.echo(f"deleted {count:,}")
    _end(missing)


def _end(missing: list[str], *, succeeded: bool = True) -> None:
    for job_id in missing:
        typer.echo(f"pullback: there is no job {job_id}, or its time to live has ended", err=True)
    if missing or not succeeded:
        raise typer.Exit(FAILED)
