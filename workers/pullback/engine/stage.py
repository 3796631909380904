"""All that an evaluation's program is run with; some derivatives run it more than once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pullback.contract.tensors import BY_CODE
from pullback.engine.draws import Draws
from pullback.engine.interpret import run
from pullback.engine.wire import TORCH_DTYPES, read

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Program
    from pullback.engine.interpret import Code
    from pullback.engine.meter import Meter
    from pullback.engine.request import Request
    from pullback.engine.run import Run
    from pullback.v1 import tensor_pb2


@dataclass(frozen=True)
class Stage:
    """A program with its inputs.

    Attributes:
        code: the program.
        request: what is asked of it.
        inputs: its inputs by name. The forward pass in reverse mode tracks them; nothing else changes them.
        limits: its bounds.
        seed: where its random numbers begin.
        device: the torch device that it runs on; "meta" for a dry run, whose tensors have no elements.
    """

    code: Code
    request: Request
    inputs: Mapping[str, torch.Tensor]
    limits: Limits
    seed: int = 0
    device: str = "cpu"

    @property
    def program(self) -> Program:
        """The program as it was compiled."""
        return self.code.program

    def run(self, inputs: Mapping[str, torch.Tensor], meter: Meter) -> Run:
        """Runs the program; see `interpret.run`."""
        draws = None if meter.is_dry else Draws(self.seed, self.device)
        return run(self.code, inputs, meter, draws)

    def read(self, message: tensor_pb2.Tensor) -> torch.Tensor:
        """Takes a checked tensor off the wire."""
        return read_or_hollow(message, self.device)


def read_or_hollow(message: tensor_pb2.Tensor, device: str) -> torch.Tensor:
    """Takes a checked tensor off the wire; on the device "meta", where there are no elements, its shape and type."""
    if device != "meta":
        return read(message, device)
    return torch.empty(tuple(message.shape), dtype=TORCH_DTYPES[BY_CODE[message.dtype].name], device=device)
