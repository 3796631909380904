"""Runs a program again and again with other numbers, and says where that differs from running it for the first time."""

from __future__ import annotations

import random
from functools import partial
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import PullbackError
from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program import compile_program
from pullback.engine.evaluate import evaluate_alone
from pullback.engine.interpret import prepare
from pullback.engine.replay import Replays
from pullback.engine.wire import read, write
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fuzz.random_programs import RandomProgram

# Runs with the same shapes: the last ones are played, where the program has a tape.
RUNS = 6


def varied(
    evaluation: evaluation_pb2.Evaluation, seed: int, count: int = RUNS
) -> Iterator[evaluation_pb2.Evaluation]:
    """Gives an evaluation, and others whose inputs have the same elements in other places, some with the other sign."""
    draws = torch.Generator().manual_seed(seed)
    signs = random.Random(seed)  # noqa: S311 - chooses tests
    for number in range(count):
        other = evaluation_pb2.Evaluation()
        other.CopyFrom(evaluation)
        for name in sorted(evaluation.inputs) if number else ():
            value = read(evaluation.inputs[name])
            places = torch.randperm(value.numel(), generator=draws)
            moved = value.flatten()[places].reshape(value.shape)
            is_signed = value.dtype.is_floating_point or value.dtype.is_complex
            other.inputs[name].CopyFrom(write(-moved if is_signed and signs.random() < 0.5 else moved))
        yield other


def repeatable(program: RandomProgram) -> evaluation_pb2.Evaluation:
    """Writes the evaluation of a random program, for its value and all gradients that there may be."""
    # It begins with a seed for random numbers, and those have no tape.
    source = program.source.removeprefix("torch.manual_seed(11)\n")
    message = evaluation_pb2.Evaluation(program=source, outputs=["out"])
    for name, value in program.inputs.items():
        message.inputs[name].CopyFrom(write(value))
        if value.dtype.is_floating_point or value.dtype.is_complex:
            message.wrt.append(name)
    if not message.wrt:
        message.value_only.SetInParent()
    return message


def repeat_faults(evaluation: evaluation_pb2.Evaluation, seed: int) -> tuple[list[str], bool]:
    """Compares each run with one that nothing went before: the bytes of the result, or the words of the error.

    Returns:
        The faults in words, and whether there was a tape in the end.
    """
    code = prepare(compile_program(evaluation.program, DEFAULT_LIMITS))
    replays = Replays(DEFAULT_LIMITS)
    faults = []
    for number, other in enumerate(varied(evaluation, seed)):
        first = _ending(partial(evaluate_alone, code, other, DEFAULT_LIMITS))
        again = _ending(partial(replays.evaluate, code, other))
        if first != again:
            faults.append(f"run {number} differs")
    return faults, replays.tapes > 0


def _ending(run: Callable[[], evaluation_pb2.Result]) -> bytes | str:
    try:
        return run().SerializeToString(deterministic=True)
    except PullbackError as error:
        return f"{type(error).__name__}: {error}"
