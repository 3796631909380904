"""Results as text, for eyes and for programs."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pullback.client.graphs import node_title
from pullback.contract.tensors import BY_CODE, decode, describe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from pullback.client import Evaluated
    from pullback.v1.graph_pb2 import AutogradGraph
    from pullback.v1.tensor_pb2 import Tensor

# Columns of a table that is printed: wide enough never to break an array's line, which is wrapped by numpy.
_WIDTH = 200

# Columns after which numpy breaks an array's line.
_ARRAY_WIDTH = 100

_ABSENCES = {
    "independent": "none: the outputs do not depend on it",
    "not_tracked": "none: the program turned its requires_grad off",
    "not_accumulated": "none: the program's backward() put nothing into its .grad",
}


def as_text(evaluated: Evaluated) -> str:
    """Writes what the program printed, then a table of values and gradients, then the graph's nodes."""
    table = _new_table()
    _add_rows(table, "value", evaluated.message.values, evaluated.values)
    _add_rows(table, "gradient", evaluated.message.gradients, evaluated.gradients)
    for name, reason in evaluated.absent_gradients.items():
        table.add_row("gradient", Text(name), "", _ABSENCES.get(reason, f"none: {reason}"))
    _add_derivatives(table, evaluated)
    for name, check in evaluated.gradient_checks.items():
        table.add_row("check", Text(name), "", Text(str(check)))
    lines = _lines(table)
    for anomaly in evaluated.anomalies:
        lines += f"first {anomaly.kind}: {anomaly.message}".splitlines()
    if evaluated.graph is not None:
        lines += _node_lines(evaluated.graph)
    return evaluated.printed + "".join(f"{line}\n" for line in lines)


def tensor_lines(kind: str, tensors: Mapping[str, Tensor], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Writes a line for each array, with what it is, its data type and its shape.

    Args:
        kind: what they are.
        tensors: the arrays as they travelled, by name.
        arrays: the same, in the order in which they are written.
    """
    table = _new_table()
    _add_rows(table, kind, tensors, arrays)
    return "".join(f"{line}\n" for line in _lines(table))


def _new_table() -> Table:
    return Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))


def _lines(table: Table) -> list[str]:
    stream = StringIO()
    Console(file=stream, width=_WIDTH, color_system=None).print(table)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def as_json_text(evaluated: Evaluated) -> str:
    """Writes one JSON object on one line.

    Tensors are numbers or nested lists. What JSON has no number for is written as protobuf does: ``"NaN"``,
    ``"Infinity"``, ``"-Infinity"``. A complex number is a list of its real and imaginary part.
    """
    document: dict[str, Any] = {
        "values": {name: json_safe(array.tolist()) for name, array in evaluated.values.items()},
        "gradients": {name: json_safe(array.tolist()) for name, array in evaluated.gradients.items()},
        "absent_gradients": evaluated.absent_gradients,
        **_json_derivatives(evaluated),
        "printed": evaluated.printed,
        "device": evaluated.device,
        "worker": evaluated.worker,
        "engine": evaluated.engine,
    }
    if evaluated.graph is not None:
        document["graph"] = MessageToDict(
            evaluated.graph, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
    return json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n"


def _json_derivatives(evaluated: Evaluated) -> dict[str, Any]:
    """Gives the members that an evaluation of such a kind has, and no others."""
    found: dict[str, Any] = {}
    if evaluated.tangents:
        found["tangents"] = {name: json_safe(each.tolist()) for name, each in evaluated.tangents.items()}
    if evaluated.products:
        found["products"] = {name: json_safe(each.tolist()) for name, each in evaluated.products.items()}
    if evaluated.message.blocks:
        found["blocks"] = [
            {
                "output": block.output,
                "wrt": [*block.wrt],
                "derivative": json_safe(decode(block.tensor).tolist()),
            }
            for block in evaluated.message.blocks
        ]
    if evaluated.anomalies:
        found["anomalies"] = [_json_numbers(asdict(anomaly)) for anomaly in evaluated.anomalies]
    if evaluated.gradient_checks:
        found["gradient_checks"] = {
            name: _json_numbers(asdict(check)) for name, check in evaluated.gradient_checks.items()
        }
    if evaluated.laplacian is not None:
        found["laplacian"] = json_safe(evaluated.laplacian.tolist())
    return found


def _json_numbers(fields: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json_safe([*value] if isinstance(value, tuple) else value) for name, value in fields.items()
    }


def _add_rows(
    table: Table, kind: str, tensors: Mapping[str, Tensor], arrays: Mapping[str, NDArray[Any]]
) -> None:
    for name, array in arrays.items():
        tensor = tensors[name]  # says bfloat16, which the array cannot
        kind_of_tensor = describe(BY_CODE[tensor.dtype], tensor.shape)
        table.add_row(kind, Text(name), Text(kind_of_tensor), Text(_digits(array)))


def _add_derivatives(table: Table, evaluated: Evaluated) -> None:
    message = evaluated.message
    _add_rows(table, "tangent", message.tangents, evaluated.tangents)
    _add_rows(table, "product", message.products, evaluated.products)
    for block in message.blocks:
        of = ", ".join([block.output, *block.wrt]).removeprefix(", ")
        _add_rows(table, "derivative", {of: block.tensor}, {of: decode(block.tensor)})
    if evaluated.laplacian is not None:
        _add_rows(table, "laplacian", {"": message.laplacian}, {"": evaluated.laplacian})


def _digits(array: NDArray[Any]) -> str:
    return np.array2string(array, separator=", ", max_line_width=_ARRAY_WIDTH)


def _node_lines(graph: AutogradGraph) -> list[str]:
    followers: dict[int, list[str]] = {}
    for edge in graph.edges:
        followers.setdefault(edge.from_node, []).append(str(edge.to_node))
    lines = [f"graph     {len(graph.nodes)} nodes"]
    for node in graph.nodes:
        after = f" -> {', '.join(followers[node.id])}" if node.id in followers else ""
        lines.append(f"  {node.id}  {node_title(node)}{after}")
    return lines


def json_safe(value: Any) -> Any:
    """Gives a number, or nested lists of them, as JSON can hold it."""
    if isinstance(value, list):
        return [json_safe(item) for item in value]
    if isinstance(value, complex):
        return [json_safe(value.real), json_safe(value.imag)]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
