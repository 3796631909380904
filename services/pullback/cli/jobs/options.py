"""Arguments and options that several commands about jobs have."""

# No postponed annotations here: typer reads them.
from typing import Annotated, Literal

import typer

# Not imported from the SDK, which would import grpc for `--help`; a test compares the two.
STATES = ("queued", "running", "succeeded", "failed", "cancelled", "expired")


def _known(states: list[str] | None) -> list[str] | None:
    for state in states or ():
        if state not in STATES:
            raise typer.BadParameter(f"{state!r} is none of {', '.join(STATES)}")
    return states


Ids = Annotated[list[str] | None, typer.Argument(metavar="ID", help="Ids of jobs.")]
BatchId = Annotated[
    str | None,
    typer.Option("--batch-id", metavar="ID", help="The jobs of the batch that was submitted under this id."),
]
Labels = Annotated[
    list[str] | None,
    typer.Option("--label", metavar="KEY=VALUE", help="Jobs with this label; again for more."),
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help=f"Jobs in this state: {', '.join(STATES)}; again for more.",
        callback=_known,
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Created then or later: 2030-01-31T18:00:00Z, or 2h for so long ago."
    ),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Created before then.")]
Progress = Annotated[
    Literal["auto", "live", "lines", "none"],
    typer.Option(
        "--progress",
        help="How progress is shown: live on a terminal, lines in a log; auto chooses one of them.",
    ),
]
Every = Annotated[
    float, typer.Option("--every", metavar="SECONDS", help="Seconds between lines of progress.", min=0.1)
]
Patience = Annotated[
    float,
    typer.Option(
        "--retry-for",
        metavar="SECONDS",
        help="Seconds that the service may be away before this gives up.",
        min=0,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="Where results go: .jsonl, .npz, .safetensors or .parquet, or - for lines on standard output. "
        "A file that is there is gone on with.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON: a line for each job, or one object of counts.")
]
