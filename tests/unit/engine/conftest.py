"""A laboratory: an engine, with short ways to write an evaluation and to read a result."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, final

import numpy as np
import pytest
import torch

from pullback.contract.errors import PullbackError
from pullback.contract.tensors import encode
from pullback.engine import Engine, configure_torch
from pullback.engine.wire import read, write
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

    from pullback.contract.limits import Limits


# An environment from before there were exports has nothing to run them with until `make setup` has run again.
if find_spec("onnxruntime") is None and os.environ.get("CI") != "true":
    collect_ignore = ["test_export.py"]


@final
class Lab:
    """An engine, in a process set up as an evaluator is."""

    def __init__(self) -> None:
        configure_torch()
        self.engine = Engine(worker="test")

    def limited(self, limits: Limits) -> Lab:
        """Gives a laboratory whose engine has other limits."""
        other = Lab()
        other.engine = Engine(worker="test", limits=limits)
        return other

    def build(
        self,
        program: str,
        inputs: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        *,
        outputs: Sequence[str] = (),
        wrt: Sequence[str] = (),
        cotangents: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        value_only: bool = False,
        graph: bool = False,
    ) -> evaluation_pb2.Evaluation:
        """Builds an evaluation from arrays, or from tensors of any data type."""
        evaluation = evaluation_pb2.Evaluation(program=program, outputs=outputs, wrt=wrt, return_graph=graph)
        if value_only:
            evaluation.value_only.SetInParent()
        for name, value in (inputs or {}).items():
            evaluation.inputs[name].CopyFrom(_message(value))
        for name, value in (cotangents or {}).items():
            evaluation.cotangents[name].CopyFrom(_message(value))
        return evaluation

    def run(
        self,
        program: str,
        inputs: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        *,
        outputs: Sequence[str] = (),
        wrt: Sequence[str] = (),
        cotangents: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        value_only: bool = False,
        graph: bool = False,
    ) -> evaluation_pb2.Result:
        """Evaluates a program."""
        return self.engine.evaluate(
            self.build(
                program,
                inputs,
                outputs=outputs,
                wrt=wrt,
                cotangents=cotangents,
                value_only=value_only,
                graph=graph,
            )
        )

    def ask(
        self,
        kind: str,
        program: str,
        inputs: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        *,
        outputs: Sequence[str] = (),
        wrt: Sequence[str] = (),
        cotangents: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        tangents: Mapping[str, ArrayLike | torch.Tensor] | None = None,
        stacked: bool = False,
        mode: int = 0,
        order: int = 0,
    ) -> evaluation_pb2.Evaluation:
        """Builds an evaluation of a derivative, named by its field."""
        evaluation = self.build(program, inputs, outputs=outputs, wrt=wrt, cotangents=cotangents)
        getattr(evaluation, kind).SetInParent()
        if kind == "jacobian":
            evaluation.jacobian.mode = mode  # type: ignore[assignment] # any number travels
        if kind == "nth_derivative":
            evaluation.nth_derivative.order = order
        evaluation.stacked = stacked
        for name, value in (tangents or {}).items():
            evaluation.tangents[name].CopyFrom(_message(value))
        return evaluation

    @staticmethod
    def blocks(result: evaluation_pb2.Result) -> dict[tuple[str, ...], torch.Tensor]:
        """Reads the blocks of a result: by output and input of a Jacobian, by row and column of a Hessian."""
        return {(block.output, *block.wrt)[-2:]: read(block.tensor) for block in result.blocks}

    @staticmethod
    def value(result: evaluation_pb2.Result, name: str) -> torch.Tensor:
        """Reads an output of a result."""
        return read(result.values[name])

    @staticmethod
    def gradient(result: evaluation_pb2.Result, name: str) -> torch.Tensor:
        """Reads a gradient of a result."""
        return read(result.gradients[name])

    def refusal(self, evaluation: evaluation_pb2.Evaluation) -> PullbackError:
        """Evaluates what must be refused, and gives the error."""
        outcome = self.engine.evaluate_many([evaluation])[0]
        assert isinstance(outcome, PullbackError), outcome
        return outcome


def _message(value: ArrayLike | torch.Tensor) -> tensor_pb2.Tensor:
    return write(value) if isinstance(value, torch.Tensor) else encode(np.asarray(value))


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The laboratory."""
    return Lab()
