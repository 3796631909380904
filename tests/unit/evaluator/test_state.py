from __future__ import annotations

import gc
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pullback.contract.tensors import encode
from pullback.engine import Engine
from pullback.evaluator.state import State
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def default_dtype() -> Iterator[None]:
    """Changes the type of new tensors."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@contextmanager
def default_device() -> Iterator[None]:
    """Changes the place of new tensors."""
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


@contextmanager
def random_numbers() -> Iterator[None]:
    """Draws from the global generator."""
    with torch.random.fork_rng():
        torch.rand(1)
        yield


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Changes what the processor does with the smallest numbers."""
    assert torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


@contextmanager
def no_collector() -> Iterator[None]:
    """Switches Python's collector off."""
    gc.disable()
    yield
    gc.enable()


CHANGES: dict[str, Callable[[], object]] = {
    "default dtype": default_dtype,
    "hooks": default_device,
    "gradient mode": torch.no_grad,
    "inference mode": torch.inference_mode,
    "anomaly mode": lambda: torch.autograd.set_detect_anomaly(True),
    "hooks ": lambda: torch.autograd.graph.saved_tensors_hooks(lambda x: x, lambda x: x),
    "global random numbers": random_numbers,
    "rounding": flushed_denormals,
    "warnings": lambda: warnings.catch_warnings(action="always"),
    "collector": no_collector,
}


@pytest.mark.parametrize(("name", "change"), CHANGES.items())
def test_a_change_is_named(name: str, change: Callable[[], object]) -> None:
    """Each setting that a job could leave behind is found, and is forgotten when it is set back."""
    state = State()
    assert state.changes() == ""
    with change():  # type: ignore[attr-defined]
        assert name.strip() in state.changes()
    assert state.changes() == ""


def test_evaluations_leave_no_trace() -> None:
    """Programs that succeed, that fail and that switch gradients off leave the process as it was."""
    engine = Engine()
    programs = [
        "y = x * x",
        "with torch.no_grad():\n    y = torch.sqrt(x @ x)",
        "y = nonsense",
        "y = x.backward()",
    ]
    tensor = {"x": encode(np.eye(2))}
    engine.evaluate_many([pb.Evaluation(program="y = 1.0")])
    state = State()
    for program in programs:
        engine.evaluate_many([pb.Evaluation(program=program, inputs=tensor)] * 2)
        assert state.changes() == ""
