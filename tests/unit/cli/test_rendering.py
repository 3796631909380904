from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pullback.cli.rendering import as_json_text, as_text
from pullback.client import Evaluated, evaluation, tensor
from pullback.client.graphs import to_json
from pullback.v1.evaluation_pb2 import GRADIENT_ABSENCE_NOT_TRACKED, DerivativeBlock, Result
from pullback.v1.graph_pb2 import AutogradGraph, GraphEdge, GraphNode


def _evaluated(**fields: object) -> Evaluated:
    return Evaluated(Result(**fields), evaluation(""))  # type: ignore[arg-type]


def test_a_table_has_a_line_for_each_tensor() -> None:
    """Kind, name, data type and numbers, in columns."""
    text = as_text(
        _evaluated(
            values={"y": tensor([1.5, 2.0])},
            gradients={"x": tensor(3, "float64")},
            absent_gradients={"w": GRADIENT_ABSENCE_NOT_TRACKED},
        )
    )
    assert text.splitlines() == [
        "value     y  float32[2]  [1.5, 2. ]",
        "gradient  x  float64[]   3.",
        "gradient  w              none: the program turned its requires_grad off",
    ]


def test_printed_text_is_left_as_it_is() -> None:
    """What looks like markup is text."""
    assert as_text(_evaluated(printed="[bold]x[/bold]\n")).startswith("[bold]x[/bold]\n")


def test_a_big_array_is_shortened_for_eyes_only() -> None:
    """The table elides the middle; JSON has every number."""
    evaluated = _evaluated(values={"y": tensor([0.0] * 5000)})
    assert "..." in as_text(evaluated)
    assert json.loads(as_json_text(evaluated))["values"]["y"] == [0.0] * 5000


def test_json_has_the_zeros_of_a_graph() -> None:
    """Node 0 has its id, and the first input its index."""
    graph = AutogradGraph(nodes=[GraphNode(name="MulBackward0")], edges=[GraphEdge(to_node=1)])
    evaluated = Evaluated(Result(graph=graph), evaluation("", return_graph=True))
    document = json.loads(as_json_text(evaluated))["graph"]
    assert document["nodes"][0]["id"] == 0
    assert document["edges"] == [{"from_node": 0, "input_index": 0, "to_node": 1, "output_index": 0}]
    assert json.loads(to_json(graph)) == document


@given(st.lists(st.floats(width=32), min_size=1))
def test_json_has_every_number_exactly(numbers: list[float]) -> None:
    """Finite numbers read back as they were; the others have protobuf's names."""
    names = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
    document = json.loads(as_json_text(_evaluated(values={"y": tensor(numbers)})))
    assert document["values"]["y"] == [names.get(str(number), number) for number in numbers]


def test_every_derivative_has_a_line_and_a_member() -> None:
    """Named by what it belongs to; an evaluation without one has neither."""
    found = _evaluated(
        tangents={"y": tensor(1.0)},
        products={"x": tensor(2.0)},
        blocks=[
            DerivativeBlock(output="y", wrt=["x"], tensor=tensor([3.0])),
            DerivativeBlock(wrt=["x", "w"], tensor=tensor(float("nan"))),
        ],
        laplacian=tensor(4.0),
    )
    assert as_text(found).splitlines() == [
        "tangent     y     float32[]   1.",
        "product     x     float32[]   2.",
        "derivative  y, x  float32[1]  [3.]",
        "derivative  x, w  float32[]   nan",
        "laplacian         float32[]   4.",
    ]
    document = json.loads(as_json_text(found))
    assert document["tangents"] == {"y": 1}
    assert document["products"] == {"x": 2}
    assert document["blocks"] == [
        {"output": "y", "wrt": ["x"], "derivative": [3]},
        {"output": "", "wrt": ["x", "w"], "derivative": "NaN"},
    ]
    assert document["laplacian"] == 4
    assert not {"tangents", "products", "blocks", "laplacian"} & json.loads(as_json_text(_evaluated())).keys()
