"""The commands and their options. What a command does is imported when it runs, so that `--help` is quick."""

# No postponed annotations here: typer reads them.
from pathlib import Path
from typing import Annotated, Literal

import typer

from pullback.cli.address import DEFAULT_ADDRESS, Address
from pullback.cli.derivatives import (
    Batched,
    Derivative,
    JacobianMode,
    Order,
    Stacked,
    Tangents,
    read_derivative,
)
from pullback.cli.descents.command import descend_command
from pullback.cli.exits import FAILED, faults_reported, output_kept
from pullback.cli.jobs.commands import jobs_app
from pullback.cli.jobs.submit_command import submit_command
from pullback.cli.notices import show_warnings

app = typer.Typer(
    name="pullback",
    help="Gradients as a service: evaluate a tensor program, get value, gradients and autograd graph.",
    epilog="Exit status: 0 done, 1 refused or failed, 2 wrong usage or file, 3 no service reached, "
    "4 results not written, 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Program = Annotated[
    str, typer.Argument(metavar="PROGRAM", help="Source text, @FILE, or - for standard input.")
]
Bindings = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME=VALUE",
        help="Inputs: x=2, w=[[1,2],[3,4]], n:int64=3, a=@array.npy. Without a type, numbers are float32.",
    ),
]
Wrt = Annotated[
    list[str] | None,
    typer.Option(
        "--wrt",
        help="Inputs, or names that are bound, to differentiate with respect to: x,w.",
        metavar="NAMES",
    ),
]
Outputs = Annotated[
    list[str] | None, typer.Option("--outputs", help="Names to return: y,z.", metavar="NAMES")
]
Cotangents = Annotated[
    list[str] | None,
    typer.Option("--cotangent", help="Seed of the reverse pass: y=[1,0].", metavar="NAME=VALUE"),
]
Device = Annotated[Literal["auto", "cpu", "cuda"], typer.Option("--device", help="Class of device.")]
Timeout = Annotated[
    float | None,
    typer.Option(
        "--timeout", help="Seconds that it may take; shortened to the service's maximum.", min=0.001
    ),
]

Seed = Annotated[
    int,
    typer.Option("--seed", help="Where random numbers begin that the program draws.", min=0, max=2**64 - 1),
]

app.add_typer(jobs_app)
app.command("submit")(submit_command)
app.command("descend")(descend_command)


def main() -> None:
    """Runs the command line."""
    show_warnings()
    with output_kept():
        app()


def _print_version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - for --version only

        typer.echo(f"pullback {version('pullback')}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Gradients as a service: evaluate a tensor program, get value, gradients and autograd graph."""


@app.command("eval")
def _eval(
    program: Program,
    inputs: Bindings = None,
    *,
    wrt: Wrt = None,
    outputs: Outputs = None,
    derivative: Derivative = "gradient",
    mode: JacobianMode = "auto",
    order: Order = None,
    cotangent: Cotangents = None,
    tangent: Tangents = None,
    stacked: Stacked = False,
    batched: Batched = None,
    value_only: Annotated[bool, typer.Option("--value-only", help="Compute no derivative.")] = False,
    graph: Annotated[bool, typer.Option("--graph", help="List the autograd graph's nodes.")] = False,
    detect_anomaly: Annotated[
        bool, typer.Option("--detect-anomaly", help="Tell where NaN and infinity first come up.")
    ] = False,
    check_gradient: Annotated[
        bool,
        typer.Option(
            "--check-gradient",
            help="Hold gradients against finite differences; exit with 1 where one differs.",
        ),
    ] = False,
    device: Device = "auto",
    timeout: Timeout = None,
    seed: Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Evaluate a program: print its values and gradients."""
    with faults_reported(program):
        from pullback.cli.evaluating import Request, evaluate  # noqa: PLC0415 - imports grpc and numpy
        from pullback.cli.rendering import as_json_text, as_text  # noqa: PLC0415 - imports numpy and rich

        request = Request(
            program=program,
            inputs=inputs or [],
            wrt=wrt or [],
            outputs=outputs or [],
            derivative=read_derivative(derivative, mode, order),
            cotangents=cotangent or [],
            tangents=tangent or [],
            stacked=stacked,
            batched_inputs=batched or [],
            value_only=value_only,
            return_graph=graph,
            check_gradient=check_gradient,
            detect_anomaly=detect_anomaly,
            device=device,
            timeout=timeout,
            seed=seed,
        )
        evaluated = evaluate(request, address)
        typer.echo((as_json_text if as_json else as_text)(evaluated), nl=False)
    if any(check.verdict == "differs" for check in evaluated.gradient_checks.values()):
        raise typer.Exit(FAILED)


@app.command("check")
def _check(
    program: Program,
    bindings: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME=VALUE",
            help="Inputs, as for eval, or x:float32[64,3] without a value: adds shapes and estimates.",
        ),
    ] = None,
    *,
    inputs: Annotated[
        list[str] | None, typer.Option("--inputs", help="Names that would be bound: x,w.", metavar="NAMES")
    ] = None,
    outputs: Outputs = None,
    wrt: Wrt = None,
    derivative: Derivative = "gradient",
    mode: JacobianMode = "auto",
    order: Order = None,
    cotangent: Annotated[
        list[str] | None,
        typer.Option("--cotangent", help="A seed, or y:float32[2] without a value.", metavar="NAME=VALUE"),
    ] = None,
    tangent: Annotated[
        list[str] | None,
        typer.Option("--tangent", help="A direction, or x:float32[2] without a value.", metavar="NAME=VALUE"),
    ] = None,
    stacked: Stacked = False,
    batched: Batched = None,
    value_only: Annotated[bool, typer.Option("--value-only", help="No derivative.")] = False,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Check a program without running it: what is wrong, and where; with inputs, what it would give and take."""
    with faults_reported():
        from pullback.cli.checking import Check, check  # noqa: PLC0415 - imports grpc and numpy

        asked = Check(
            program=program,
            bindings=bindings or [],
            inputs=inputs or [],
            outputs=outputs or [],
            wrt=wrt or [],
            derivative=read_derivative(derivative, mode, order),
            cotangents=cotangent or [],
            tangents=tangent or [],
            stacked=stacked,
            batched_inputs=batched or [],
            value_only=value_only,
        )
        text, accepted = check(asked, address)
        typer.echo(text, nl=False)
    if not accepted:
        raise typer.Exit(FAILED)


@app.command("graph")
def _graph(
    program: Program,
    inputs: Bindings = None,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="FILE.svg, .dot, .mmd, .graphml, .json, .txtpb or .pb; without, DOT is printed.",
        ),
    ] = None,
    show: Annotated[
        Literal["autograd", "program", "both"],
        typer.Option("--show", help="Backward functions, the program's calls, or both with what ties them."),
    ] = "autograd",
    most: Annotated[int, typer.Option("--most", help="The most nodes that are drawn of each.", min=1)] = 400,
    wrt: Wrt = None,
    outputs: Outputs = None,
    cotangent: Cotangents = None,
    device: Device = "auto",
    timeout: Timeout = None,
    seed: Seed = 0,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Evaluate a program and write its autograd graph, or the graph of its calls."""
    with faults_reported(program):
        from pullback.cli.evaluating import Request  # noqa: PLC0415 - imports grpc and numpy
        from pullback.cli.graphs import write_graph  # noqa: PLC0415 - imports grpc and numpy

        request = Request(
            program=program,
            inputs=inputs or [],
            wrt=wrt or [],
            outputs=outputs or [],
            cotangents=cotangent or [],
            return_graph=show != "program",
            return_program_graph=show != "autograd",
            device=device,
            timeout=timeout,
            seed=seed,
        )
        write_graph(request, address, output, show, most)


@app.command("export")
def _export(
    program: Program,
    inputs: Bindings = None,
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", help="FILE.onnx for an ONNX model, FILE.pt2 for torch.export's archive."
        ),
    ],
    outputs: Outputs = None,
    device: Device = "auto",
    timeout: Timeout = None,
    address: Address = DEFAULT_ADDRESS,
) -> None:
    """Write a program as a file for other tools, for inputs of these shapes and data types."""
    with faults_reported(program):
        from pullback.cli.exporting import export  # noqa: PLC0415 - imports grpc and numpy

        lines = export(
            program, inputs or [], outputs or [], output, device=device, timeout=timeout, address=address
        )
        typer.echo(lines, nl=False)


@app.command("gateway")
def _gateway(
    *,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port to listen on.", min=0, max=65_535)] = None,
) -> None:
    """Run a gateway here. Further settings are PULLBACK_ variables."""
    from pullback.cli.processes import become  # noqa: PLC0415 - for this command only
    from pullback.cli.settings import gateway_settings  # noqa: PLC0415 - for this command only

    become("gateway", gateway_settings(host, port))


@app.command("worker")
def _worker(
    *,
    device: Annotated[
        Literal["cpu", "cuda"] | None, typer.Option("--device", help="Class of device.")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Evaluators at once.", min=1)] = None,
) -> None:
    """Run a worker here. Further settings are PULLBACK_ variables."""
    from pullback.cli.processes import become  # noqa: PLC0415 - for this command only
    from pullback.cli.settings import worker_settings  # noqa: PLC0415 - for this command only

    become("worker", worker_settings(device, workers))


@app.command("up")
def _up(
    *,
    port: Annotated[
        int | None,
        typer.Option("--port", help="Port to listen on; else PULLBACK_LISTEN's, 50051.", min=0, max=65_535),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Where jobs and results are kept.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="Evaluators at once; else PULLBACK_SLOTS, one a core.", min=1),
    ] = None,
) -> None:
    """Run everything on this machine, with an embedded Redis. Further settings are PULLBACK_ variables."""
    from pullback.cli.up import up  # noqa: PLC0415 - for this command only

    raise typer.Exit(up(port, data_dir, workers))
