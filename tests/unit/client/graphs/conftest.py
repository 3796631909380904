"""Graphs of programs, read by the engine."""

from __future__ import annotations

import numpy as np
import pytest

from pullback.client import evaluation
from pullback.engine import Engine, configure_torch
from pullback.v1.graph_pb2 import AutogradGraph

Graphs = dict[str, AutogradGraph]

PROGRAMS = {
    "quartic": ("y = 2*x**4 + x**3 + 3*x**2 + 5*x + 1", {"x": np.asarray(2.0)}),
    "layers": (
        "h = torch.tanh(x @ w + b)\ny = ((h @ v)**2).mean()",
        {"x": np.ones((4, 3)), "w": np.ones((3, 5)), "b": np.ones(5), "v": np.ones((5, 2))},
    ),
    "no leaves": ("y = torch.ones(3).sum()", {"n": np.asarray(3)}),
    "several results": ("q, r = torch.linalg.qr(x)\ny = q.sum() + r.sum()", {"x": np.eye(3) + 0.1}),
}


def graph_of(program: str, inputs: dict[str, np.ndarray]) -> AutogradGraph:
    """Gives the graph of a program."""
    asked = evaluation(program, inputs, return_graph=True, value_only="n" in inputs)
    return Engine().evaluate(asked).graph


@pytest.fixture(scope="session")
def graphs() -> Graphs:
    """Small graphs of all kinds, by name."""
    configure_torch()
    return {name: graph_of(program, inputs) for name, (program, inputs) in PROGRAMS.items()}


@pytest.fixture(scope="session")
def chain() -> AutogradGraph:
    """One node after the other, 5,000 of them, and one that joins two ways."""
    return graph_of(
        "y = x\nfor _ in range(1666):\n    y = (y.sin() + 1).cos()\nz = (y*y).sum()", {"x": np.ones(2)}
    )


@pytest.fixture(scope="session")
def dense() -> AutogradGraph:
    """Three hundred nodes with thousands of edges: each stacks the sixty before it."""
    lines = ["h0 = x"]
    for number in range(1, 150):
        before = ", ".join(f"h{each}" for each in range(max(0, number - 60), number))
        lines.append(f"h{number} = torch.stack([{before}]).mean(0)")
    return graph_of("\n".join([*lines, "y = h149.sum()"]), {"x": np.ones(2)})


@pytest.fixture(scope="session")
def braid() -> AutogradGraph:
    """Near ten thousand nodes, few of them in chains."""
    return graph_of("y = x\nfor _ in range(3100):\n    y = y*y.sin() + y\nz = y.sum()", {"x": np.ones(2)})
