"""The picture of a descent: loss and gradient over steps."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pullback.client import DescentPoint

SUFFIXES = (".png", ".svg", ".pdf")

# Inches, and dots in one.
_SIZE = (7.0, 4.2)
_DPI = 150


def check_suffix(path: Path) -> None:
    """Refuses a file that cannot be drawn, before anything is computed.

    Raises:
        typer.BadParameter: its suffix names no form, or there is no matplotlib.
    """
    if path.suffix not in SUFFIXES:
        raise typer.BadParameter(f"{path.name!r} ends in none of {', '.join(SUFFIXES)}", param_hint="--plot")
    if find_spec("matplotlib") is None:
        raise typer.BadParameter(
            "pictures need matplotlib; pip install 'pullback[plot]'", param_hint="--plot"
        )


def plot(points: Sequence[DescentPoint], path: Path) -> None:
    """Draws the points into a file, in the form that its suffix names.

    Raises:
        OSError: it cannot be written.
    """
    # The classes, not `pyplot`, which would look for a screen and keep the figure.
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, for this option alone

    steps = [point.step for point in points]
    losses = [point.loss for point in points]
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.plot(steps, losses, color="C0", marker="." if len(points) <= 100 else "")
    axes.set_xlabel("step")
    axes.set_ylabel("loss", color="C0")
    if min(losses) > 0:
        axes.set_yscale("log")
    axes.grid(visible=True, alpha=0.3)
    slopes = axes.twinx()
    norms = [point.gradient_norm for point in points]
    slopes.plot(steps, norms, color="C1", linewidth=0.8, alpha=0.8)
    slopes.set_ylabel("gradient norm", color="C1")
    if min(norms) > 0:
        slopes.set_yscale("log")
    # The loss is in front.
    axes.set_zorder(slopes.get_zorder() + 1)
    axes.patch.set_visible(False)
    figure.savefig(path, dpi=_DPI)
