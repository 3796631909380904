"""`pullback descend`: its options. What it does is imported when it runs."""

# No postponed annotations here: typer reads them.
from pathlib import Path
from typing import Annotated, Literal

import typer

from pullback.cli.address import DEFAULT_ADDRESS, Address
from pullback.cli.exits import faults_reported

Program = Annotated[
    str,
    typer.Argument(
        metavar="PROGRAM",
        help="Source text, @FILE, or - for standard input. Its last output is the loss.",
    ),
]
Bindings = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME=VALUE", help="Inputs, as for eval. Parameters begin at theirs."),
]
Optimizer = Annotated[
    str,
    typer.Option(
        "--optimizer",
        metavar="NAME,KEY=VALUE",
        help="sgd, adam, adamw, rmsprop, adagrad or lbfgs, with torch's options: sgd,lr=0.1,momentum=0.9.",
    ),
]
Schedule = Annotated[
    str | None,
    typer.Option(
        "--schedule",
        metavar="NAME,KEY=VALUE",
        help="How the learning rate changes: step,step_size=30; multi_step,milestones=[30,60]; "
        "exponential,gamma=0.9; cosine,T_max=100; cosine_warm_restarts,T_0=10; linear; polynomial.",
    ),
]
Steps = Annotated[int, typer.Option("--steps", help="The most steps, those before --resume included.", min=0)]
LossTarget = Annotated[float | None, typer.Option("--loss-target", help="End at this loss, or below.")]
LossTolerance = Annotated[
    float | None,
    typer.Option("--loss-tolerance", help="End where a step changes the loss, relatively, by no more."),
]
GradientTolerance = Annotated[
    float | None,
    typer.Option("--gradient-tolerance", help="End where the gradient's 2-norm is no larger."),
]
Seconds = Annotated[float | None, typer.Option("--seconds", help="End after so long.", min=0.001)]
BoundsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--bounds",
        metavar="NAME=LOWER:UPPER",
        help="Keep a parameter within x=0:1; x=0: has no upper bound. Numbers, lists or @FILE.npy.",
    ),
]
Batch = Annotated[
    list[str] | None,
    typer.Option(
        "--batch", metavar="NAMES", help="Inputs with rows, of which each step sees some: data,labels."
    ),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", help="Rows of a step.", min=1)]
BatchSeed = Annotated[
    int,
    typer.Option("--batch-seed", help="Where the random orders of rows begin.", min=0, max=2**64 - 1),
]
InOrder = Annotated[bool, typer.Option("--in-order", help="Go through the rows in their own order.")]
DropLast = Annotated[bool, typer.Option("--drop-last", help="Leave out an epoch's last step if it is short.")]
Interval = Annotated[
    int,
    typer.Option("--interval", help="Steps from one moment that is told to the next; 0: a hundredth.", min=0),
]
Watch = Annotated[
    list[str] | None,
    typer.Option("--watch", metavar="NAMES", help="Parameters that each moment tells of, with --json."),
]
StateFile = Annotated[
    Path | None,
    typer.Option("--state", metavar="FILE", help="Keep where it stands in a file, from the first leg on."),
]
Resume = Annotated[
    Path | None, typer.Option("--resume", metavar="FILE", help="Go on from what --state wrote.")
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="FILE",
        help="Draw loss and gradient over steps: .png, .svg or .pdf; needs matplotlib.",
    ),
]
Wrt = Annotated[
    list[str] | None,
    typer.Option("--wrt", metavar="NAMES", help="The parameters; else all floating-point inputs."),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option("--outputs", metavar="NAMES", help="Names to return at the end; the last is the loss."),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Class of device.")]
LegTimeout = Annotated[
    float | None, typer.Option("--leg-timeout", help="Seconds that a leg may take.", min=0.001)
]
Seed = Annotated[
    int,
    typer.Option(
        "--seed", help="Where random numbers begin: step k draws with seed + k.", min=0, max=2**64 - 1
    ),
]


def descend_command(
    program: Program,
    inputs: Bindings = None,
    *,
    optimizer: Optimizer,
    schedule: Schedule = None,
    steps: Steps = 1_000,
    loss_target: LossTarget = None,
    loss_tolerance: LossTolerance = None,
    gradient_tolerance: GradientTolerance = None,
    seconds: Seconds = None,
    bounds: BoundsOption = None,
    batch: Batch = None,
    batch_size: BatchSize = None,
    batch_seed: BatchSeed = 0,
    in_order: InOrder = False,
    drop_last: DropLast = False,
    interval: Interval = 0,
    watch: Watch = None,
    state: StateFile = None,
    resume: Resume = None,
    plot: Plot = None,
    wrt: Wrt = None,
    outputs: Outputs = None,
    device: Device = "auto",
    leg_timeout: LegTimeout = None,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, with all moments.")] = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Bring a program's last output down on the service; exit status 1 where it leaves the numbers."""
    with faults_reported(program):
        from pullback.cli.descents.descending import Files, descend  # noqa: PLC0415 - imports grpc and numpy
        from pullback.cli.descents.words import Request  # noqa: PLC0415 - imports grpc and numpy

        request = Request(
            program=program,
            inputs=inputs or [],
            optimizer=optimizer,
            schedule=schedule,
            steps=steps,
            loss_target=loss_target,
            loss_tolerance=loss_tolerance,
            gradient_tolerance=gradient_tolerance,
            seconds=seconds,
            bounds=bounds or [],
            batch=batch or [],
            batch_size=batch_size,
            batch_seed=batch_seed,
            in_order=in_order,
            drop_last=drop_last,
            interval=interval,
            watch=watch or [],
            wrt=wrt or [],
            outputs=outputs or [],
            device=device,
            leg_timeout=leg_timeout,
            seed=seed,
        )
        status = descend(request, Files(state, resume, plot), address, as_json=as_json)
    raise typer.Exit(status)
