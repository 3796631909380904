"""Follows a descent on behalf of the command: progress, files, and what is printed at the end."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pullback.cli.descents.plotting import check_suffix, plot
from pullback.cli.descents.rendering import as_json_text, as_text
from pullback.cli.descents.words import begin
from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.exits import FAILED, NOT_WRITTEN, SIGNALLED
from pullback.client import Client, Descended, DescentState, PullbackError

if TYPE_CHECKING:
    from pathlib import Path

    from pullback.cli.descents.words import Request
    from pullback.client import Descent


class Files(NamedTuple):
    """The files of a descent; None for what is not wanted.

    Attributes:
        state: where its state is kept.
        resume: the state that it begins with.
        plot: the picture.
    """

    state: Path | None
    resume: Path | None
    plot: Path | None


def descend(request: Request, files: Files, address: str, *, as_json: bool) -> int:
    """Makes a descent, prints what it came to, and gives the exit status.

    Raises:
        typer.BadParameter: something cannot be understood, or read.
        PullbackError: the service refused it, failed, or was not reached.
    """
    if files.plot is not None:
        check_suffix(files.plot)
    state = _load(files.resume) if files.resume else None
    with Client(address, retry_for=RETRY_FOR) as client, begin(client, request, state) as descent:
        try:
            descended = _follow(descent, request.steps, files)
        except KeyboardInterrupt:
            return _interrupted(descent, files)
        except PullbackError:
            _tell_how_to_go_on(descent, files)
            raise
        except OSError as error:
            typer.echo(f"pullback: {files.state}: {error.strerror}", err=True)
            return NOT_WRITTEN
    typer.echo((as_json_text if as_json else as_text)(descended), nl=False)
    if files.plot is not None and not _plotted(descended, files.plot):
        return NOT_WRITTEN
    return FAILED if descended.reason == "not_finite" else 0


def _load(path: Path) -> DescentState:
    try:
        return DescentState.load(path)
    except OSError as error:
        raise typer.BadParameter(f"{path}: {error.strerror}", param_hint="--resume") from error


def _follow(descent: Descent, steps: int, files: Files) -> Descended:
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[told]}"),
        TimeElapsedColumn(),
    )
    kept: DescentState | None = None
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("step", total=steps, told="")
        for points in descent.news():
            for point in points:
                told = f"loss {point.loss:.6g}  gradient {point.gradient_norm:.3g}"
                bar.update(task, completed=point.step, told=told)
            if descent.state is not None and descent.state is not kept:
                kept = descent.state
                bar.update(task, completed=kept.step)
                if files.state is not None:
                    kept.save(files.state)
        descended = descent.result()
    if files.state is not None:
        descended.state.save(files.state)
    return descended


def _interrupted(descent: Descent, files: Files) -> int:
    descent.cancel()
    if files.state is not None and descent.state is not None:
        descent.state.save(files.state)
    typer.echo("pullback: interrupted", err=True)
    _tell_how_to_go_on(descent, files)
    return SIGNALLED + signal.SIGINT


def _tell_how_to_go_on(descent: Descent, files: Files) -> None:
    if files.state is not None and descent.state is not None:
        typer.echo(f"to go on from step {descent.state.step:,}: --resume {files.state}", err=True)


def _plotted(descended: Descended, path: Path) -> bool:
    try:
        plot(descended.points, path)
    except OSError as error:
        typer.echo(f"pullback: {path}: {error.strerror}", err=True)
        return False
    return True
