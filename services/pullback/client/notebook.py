"""A result as a notebook shows it: a table of what came, and the picture of its graph."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from pullback.client.graphs import pair, to_svg
from pullback.contract.tensors import BY_CODE, decode, describe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.client.reading import Evaluated
    from pullback.v1.tensor_pb2 import Tensor

# Elements from which an array's middle is left out, and digits of each.
_SUMMED_UP = 100
_DIGITS = 6

# Seconds that a cell of a notebook waits for its picture.
_PATIENCE = 10.0


def picture(evaluated: Evaluated) -> str | None:
    """Draws a result's graph, or both of its graphs; None where it has none, or Graphviz cannot draw it."""
    program, autograd = evaluated.program_graph, evaluated.graph
    drawn = program or autograd if program is None or autograd is None else pair(program, autograd)
    if drawn is None:
        return None
    try:
        return to_svg(drawn, patience=_PATIENCE)
    except RuntimeError:
        return None


def as_html(evaluated: Evaluated, drawn: str | None) -> str:
    """Writes a result as a table, with a picture below it. All that came from the service is escaped."""
    rows = "".join(
        f"<tr><td>{html.escape(kind)}</td><td><code>{html.escape(name)}</code></td><td>{html.escape(spec)}</td>"
        f"<td><pre>{html.escape(text)}</pre></td></tr>"
        for kind, name, spec, text in _rows(evaluated)
    )
    printed = f"<pre>{html.escape(evaluated.printed)}</pre>" if evaluated.printed else ""
    svg = "" if drawn is None else drawn[drawn.index("<svg") :]
    return f"{printed}<table>{rows}</table>{svg}"


def _rows(evaluated: Evaluated) -> Iterator[tuple[str, str, str, str]]:
    message = evaluated.message
    tensors: list[tuple[str, str, Tensor]] = []
    for kind, given in (("value", message.values), ("gradient", message.gradients)):
        tensors += [(kind, name, given[name]) for name in sorted(given)]
    for kind, given in (("tangent", message.tangents), ("product", message.products)):
        tensors += [(kind, name, given[name]) for name in sorted(given)]
    for block in message.blocks:
        name = ", ".join([block.output, *block.wrt]).removeprefix(", ")
        tensors.append(("derivative", name, block.tensor))
    if message.HasField("laplacian"):
        tensors.append(("laplacian", "", message.laplacian))
    for kind, name, tensor in tensors:
        yield kind, name, describe(BY_CODE[tensor.dtype], tensor.shape), _digits(decode(tensor))
    for name, reason in evaluated.absent_gradients.items():
        yield "gradient", name, "", f"none: {reason}"
    for name, check in evaluated.gradient_checks.items():
        yield "check", name, "", str(check)


def _digits(array: Any) -> str:
    return np.array2string(array, separator=", ", threshold=_SUMMED_UP, precision=_DIGITS)
