"""One evaluation computed, from its message to the tensors of its result."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch

from pullback.engine.anomalies import Watch
from pullback.engine.derivatives import Found, differentiate, made_leaves
from pullback.engine.derivatives.forward_mode import can_push, moved_outputs, push, read_tangents
from pullback.engine.gradient_check import check_gradients
from pullback.engine.graph import read_graph
from pullback.engine.meter import Meter
from pullback.engine.noted import noted
from pullback.engine.outputs import check_result_bytes, output_values
from pullback.engine.program_graph import read_program_graph
from pullback.engine.request import read_request
from pullback.engine.stage import Stage, read_or_hollow
from pullback.engine.wire import byte_count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.contract.limits import Limits
    from pullback.engine.interpret import Code
    from pullback.engine.noted import Notes
    from pullback.engine.run import Run
    from pullback.v1 import evaluation_pb2, graph_pb2, program_graph_pb2


@dataclass
class Graphs:
    """The graphs that were asked for.

    Attributes:
        autograd: the one behind the outputs.
        program: the one of the program's calls.
    """

    autograd: graph_pb2.AutogradGraph | None = None
    program: program_graph_pb2.ProgramGraph | None = None


@dataclass
class Computed:
    """What an evaluation gave.

    Attributes:
        outputs: the values, by name.
        found: the derivatives.
        printed: what the program printed.
        graphs: those that were asked for.
        meter: what it took.
        checks: how the gradients compare with finite differences, where that was asked for.
        anomalies: the first NaN and the first infinity, where they were looked for.
    """

    outputs: dict[str, torch.Tensor]
    found: Found
    printed: str
    graphs: Graphs
    meter: Meter
    checks: dict[str, evaluation_pb2.GradientCheck] = field(default_factory=dict)
    anomalies: list[evaluation_pb2.Anomaly] = field(default_factory=list)


@dataclass
class Tally:
    """What the evaluations of a batch took so far.

    Attributes:
        meter: counted the last of them, and those before; None before the first.
    """

    meter: Meter | None = None


@contextmanager
def computed(
    code: Code,
    evaluation: evaluation_pb2.Evaluation,
    limits: Limits,
    device: str,
    tally: Tally | None = None,
) -> Iterator[Computed]:
    """Computes an evaluation; what it holds is let go behind the context.

    Args:
        code: its program.
        evaluation: what to compute.
        limits: its bounds.
        device: the torch device to run on; "meta" for shapes and data types alone.
        tally: what was taken before, and counts here too. What this takes is added.

    Raises:
        PullbackError: it is refused, or failed.
        BackwardFailed: a backward pass failed at a node.
    """
    request = read_request(evaluation, code.program, limits)
    inputs = {name: read_or_hollow(tensor, device) for name, tensor in evaluation.inputs.items()}
    stage = Stage(code, request, inputs, limits, evaluation.seed, device)
    # What the program makes is made where its inputs are. torch pays for this context at every call.
    spent = None if tally is None else tally.meter
    with nullcontext() if device == "cpu" else torch.device(device):
        results = None
        draws = request.wants_graph or request.wants_program_graph
        if request.kind == "jvp" and not draws and can_push(stage):
            results = _forward(stage, spent)
        for result in _reverse(stage, spent) if results is None else results:
            if tally is not None:
                tally.meter = result.meter
            yield result


def _forward(stage: Stage, spent: Meter | None) -> Iterator[Computed] | None:
    begun = Meter(stage.limits, is_dry=stage.device == "meta", spent=spent)
    found = push(stage, read_tangents(stage), begun)
    if found is None:
        return None
    pushed, meter = found
    moved = moved_outputs(pushed.outputs, pushed.tangents, stage.request.stack)
    return _held(stage, pushed.state, Computed(pushed.outputs, moved, "", Graphs(), meter))


def _reverse(stage: Stage, spent: Meter | None) -> Iterator[Computed]:
    checks = stage.request.checks_gradient and stage.device != "meta"
    # As they are before the program runs, which may change them.
    points = {name: tensor.clone() for name, tensor in stage.inputs.items()} if checks else {}
    watch = _watch(stage)
    for name in stage.request.tracked:
        stage.inputs[name].requires_grad_()
    meter = Meter(
        stage.limits,
        stage.inputs.values(),
        is_dry=stage.device == "meta",
        spent=spent,
        notes_origins=stage.request.wants_graph,
        watch=watch,
    )
    notes = None
    if stage.request.wants_program_graph and not meter.is_dry:
        code, notes = noted(stage.code)
        stage = replace(stage, code=code)
    try:
        state = stage.run(stage.inputs, meter)
        try:
            outputs = output_values(stage.code, stage.request, state)
            # Before our passes, which let go of what nodes saved.
            graphs = _graphs(stage, state, outputs, notes)
            found = differentiate(stage, state, outputs, meter)
            result = Computed(outputs, found, state.printer.text(), graphs, meter)
            if watch is not None:
                result.anomalies = watch.found
            if checks:
                result.checks = check_gradients(stage, points, found.gradients, meter)
            yield from _checked(stage, result)
        finally:
            state.close()
    finally:
        meter.close()


def _graphs(stage: Stage, state: Run, outputs: Mapping[str, torch.Tensor], notes: Notes | None) -> Graphs:
    found = Graphs()
    if stage.device == "meta" or not (stage.request.wants_graph or notes is not None):
        return found
    names = _leaf_names(state)
    functions = read_graph(outputs, names, stage.limits) if stage.request.wants_graph else None
    if functions is not None:
        found.autograd = functions.message
    if notes is not None:
        calls = read_program_graph(stage.program, notes, stage.inputs, outputs, stage.limits)
        found.program = calls.message
        if functions is not None:
            calls.link(functions.message, functions.nodes, names)
    return found


def _watch(stage: Stage) -> Watch | None:
    """Makes what looks for NaN and infinity, where that is asked for; it has seen what was given."""
    request = stage.request
    if not request.detects_anomaly or stage.device == "meta":
        return None
    watch = Watch(stage.program.source)
    watch.look_at_given("inputs", dict(sorted(stage.inputs.items())))
    for field_name, seeds in (("cotangents", request.cotangents), ("tangents", request.tangents)):
        watch.look_at_given(field_name, {name: stage.read(seeds[name]) for name in sorted(seeds)})
    return watch


def _held(stage: Stage, state: Run, result: Computed) -> Iterator[Computed]:
    try:
        yield from _checked(stage, result)
    finally:
        state.close()
        result.meter.close()


def _checked(stage: Stage, result: Computed) -> Iterator[Computed]:
    tensors = (*result.outputs.values(), *result.found.tensors())
    check_result_bytes(sum(map(byte_count, tensors)), stage.limits)
    yield result


def _leaf_names(state: Run) -> dict[int, str]:
    names = {id(tensor): name for name, tensor in made_leaves(state).items()}
    return names | {id(tensor): name for name, tensor in state.inputs.items()}
