"""A result as a notebook shows it."""

from __future__ import annotations

from typing import Any

import pytest

from pullback.client import Evaluated, tensor
from pullback.v1 import evaluation_pb2 as pb
from pullback.v1.graph_pb2 import AutogradGraph, GraphNode


def _result(**fields: Any) -> Evaluated:
    return Evaluated(
        pb.Result(values={"y": tensor([1.5, 2.0])}, gradients={"x": tensor(3.0)}, **fields), None
    )


@pytest.mark.usefixtures("graphviz")
def test_a_result_shows_values_gradients_and_the_picture_of_its_graph() -> None:
    """As HTML, with the text that a terminal shows beside it."""
    found = _result(graph=AutogradGraph(nodes=[GraphNode(name="MulBackward0")]))
    bundle = found._repr_mimebundle_()

    assert bundle["text/plain"] == repr(found)
    assert "<pre>[1.5, 2. ]</pre>" in bundle["text/html"]
    assert "<td>gradient</td><td><code>x</code></td><td>float32[]</td>" in bundle["text/html"]
    assert "MulBackward0" in bundle["text/html"]
    assert "<?xml" not in bundle["text/html"]
    assert "<svg" in (found._repr_svg_() or "")


def test_a_result_without_a_graph_has_no_picture() -> None:
    """And is shown all the same."""
    assert _result()._repr_svg_() is None
    assert "<svg" not in _result()._repr_mimebundle_()["text/html"]


def test_what_a_program_printed_is_no_markup() -> None:
    """Nor is a name."""
    found = _result(
        printed="<script>alert(1)</script>", absent_gradients={"<b>": pb.GRADIENT_ABSENCE_INDEPENDENT}
    )
    text = found._repr_mimebundle_()["text/html"]
    assert "<script>" not in text
    assert "<b>" not in text
