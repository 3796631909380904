"""`pullback submit`: its options. What it does is imported when it runs."""

# No postponed annotations here: typer reads them.
from typing import Annotated, Literal

import typer

from pullback.cli.address import DEFAULT_ADDRESS, Address
from pullback.cli.exits import faults_reported
from pullback.cli.jobs import options
from pullback.cli.jobs.commands import this_command

BatchFile = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="Batch file: .yaml, .json, .jsonl, .csv, .tsv or .parquet; - for standard input."
    ),
]
NewBatchId = Annotated[
    str | None,
    typer.Option(
        "--batch-id",
        metavar="ID",
        help="The batch's id, from which those of its jobs follow: submitted again, nothing is created twice. "
        "Without it, a new one.",
    ),
]
Detach = Annotated[bool, typer.Option("--detach", help="Submit, print the batch's id, and leave the jobs.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the file, and say what would be sent.")]
Program = Annotated[
    str | None, typer.Option("--program", metavar="PROGRAM", help="The program: source text, or @FILE.")
]
Outputs = Annotated[
    list[str] | None, typer.Option("--outputs", help="Names to return: y,z.", metavar="NAMES")
]
Wrt = Annotated[
    list[str] | None,
    typer.Option("--wrt", help="Inputs to differentiate with respect to: x,w.", metavar="NAMES"),
]
ValueOnly = Annotated[bool, typer.Option("--value-only", help="Compute no derivative.")]
Device = Annotated[Literal["auto", "cpu", "cuda"] | None, typer.Option("--device", help="Class of device.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Where random numbers begin.", min=0, max=2**64 - 1)]
NewLabels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="A word to find the jobs by; again for more."),
]
Priority = Annotated[
    Literal["interactive", "normal", "bulk"] | None, typer.Option("--priority", help="Which jobs go first.")
]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="SPAN", help="The longest that an attempt may take: 90s, 5m."),
]
Deadline = Annotated[
    str | None,
    typer.Option("--deadline", metavar="TIME", help="When a job is given up: 2h, or 2030-01-31T18:00:00Z."),
]
NotBefore = Annotated[
    str | None, typer.Option("--not-before", metavar="TIME", help="When the first attempt may begin.")
]
TimeToLive = Annotated[
    str | None,
    typer.Option("--time-to-live", metavar="SPAN", help="How long a finished job stays readable: 7d."),
]
MaxAttempts = Annotated[
    int | None, typer.Option("--max-attempts", help="Attempts that may lose their worker.", min=1, max=20)
]
AllowReuse = Annotated[
    bool, typer.Option("--allow-reuse", help="A stored result of an identical evaluation may be the answer.")
]


def submit_command(
    file: BatchFile,
    *,
    batch_id: NewBatchId = None,
    output: options.Output = None,
    detach: Detach = False,
    dry_run: DryRun = False,
    program: Program = None,
    outputs: Outputs = None,
    wrt: Wrt = None,
    value_only: ValueOnly = False,
    device: Device = None,
    seed: Seed = None,
    label: NewLabels = None,
    priority: Priority = None,
    timeout: Timeout = None,
    deadline: Deadline = None,
    not_before: NotBefore = None,
    time_to_live: TimeToLive = None,
    max_attempts: MaxAttempts = None,
    allow_reuse: AllowReuse = False,
    progress: options.Progress = "auto",
    every: options.Every = 30.0,
    retry_for: options.Patience = 60.0,
    as_json: options.AsJson = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Submit a batch file, and collect its results: exit status 0 where all jobs succeeded.

    Options that say what the file may say, too, go before it.
    """
    with faults_reported():
        from pullback.cli.jobs.submitting import Order, given_of, submit  # noqa: PLC0415 - imports grpc and more
        from pullback.cli.jobs.waiting import Manner  # noqa: PLC0415 - imports grpc and rich

        given = given_of(
            program=program,
            outputs=outputs,
            wrt=wrt,
            value_only=value_only,
            device=device,
            seed=seed,
            labels=label,
            priority=priority,
            timeout=timeout,
            deadline=deadline,
            not_before=not_before,
            time_to_live=time_to_live,
            max_attempts=max_attempts,
            allow_reuse=allow_reuse,
        )
        manner = Manner(progress, every, retry_for, as_json, this_command())
        order = Order(file, given, batch_id, output, manner)
        status = submit(order, address, detach=detach, dry_run=dry_run)
    raise typer.Exit(status)
