"""Evaluations that come again: the bytes and errors of the first time, from a tape or without one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from google.protobuf.duration_pb2 import Duration
from tests.conformance.entries import Entry, evaluation, read
from tests.fuzz.repeats import RUNS, repeat_faults, varied

from pullback.contract.errors import PullbackError
from pullback.contract.limits import DEFAULT_LIMITS, Limits
from pullback.contract.program import compile_program
from pullback.engine import Engine, replay, tape
from pullback.engine.evaluate import evaluate_alone
from pullback.engine.interpret import prepare
from pullback.engine.replay import MAX_REPLAYS, Replays, replay_key
from pullback.v1 import evaluation_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.engine.conftest import Lab

BENIGN = read(Path(__file__).parents[2] / "vectors" / "programs" / "benign.jsonl")

QUARTIC = "y = (2*x**4 + x**3 + 3*x**2 + 5*x + 1).sum()"
LAYERS = "y = (torch.tanh(torch.tanh(x @ w) @ v)**2).mean()"


def _normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def _taped(message: evaluation_pb2.Evaluation, limits: Limits = DEFAULT_LIMITS) -> bool:
    replays = Replays(limits)
    code = prepare(compile_program(message.program, limits))
    for other in varied(message, 1):
        replays.evaluate(code, other)
    return replays.tapes > 0


@pytest.mark.parametrize(
    ("program", "inputs"),
    [
        (QUARTIC, {"x": _normal(500)}),
        (QUARTIC, {"x": _normal(20_000)}),
        (QUARTIC, {"x": _normal(20_000).to(torch.bfloat16)}),
        (QUARTIC, {"x": _normal(0)}),
        (LAYERS, {"v": _normal(40, 30), "w": _normal(50, 40), "x": _normal(60, 50)}),
        ("y = (torch.softmax(x, -1) @ x.mT).sum()", {"x": _normal(30, 40)}),
        ("y = (x * x.conj()).real.sum() + w.sum()*0", {"x": torch.view_as_complex(_normal(90, 2)), "w": _normal(3)}),
        ("z = x + 0\nz += 1\ny = z.sum()", {"x": _normal(300)}),
        ("y = x.exp().mean()\nfor i in range(20):\n    y = y + (x*i).sin().sum()", {"x": _normal(300)}),
    ],
)  # fmt: skip
def test_a_tape_gives_the_bytes_of_the_first_time(
    lab: Lab, program: str, inputs: dict[str, torch.Tensor]
) -> None:
    """Each run has the bytes of one that nothing went before, and the last ones are played."""
    assert repeat_faults(lab.build(program, inputs), 2) == ([], True)


@pytest.mark.parametrize(
    ("program", "inputs"),
    [
        ("y = (x * x.max().item()).sum()", {"x": _normal(300)}),
        ("y = x[x > 0].sum()", {"x": _normal(300)}),
        ("y = (x * torch.rand(300, dtype=torch.float64)).sum()", {"x": _normal(300)}),
        ("y = F.dropout(x, 0.5).sum()", {"x": _normal(300)}),
        ("y = x.prod()", {"x": _normal(300)}),
        ("y = torch.cat([x, x]).sum()", {"x": _normal(300)}),
        ("print(x.sum())\ny = x.sum()", {"x": _normal(300)}),
        ("y = x.sum()\ny.backward()\ng = (x.grad * x).sum()", {"x": _normal(300)}),
    ],
)  # fmt: skip
def test_what_may_go_another_way_has_no_tape(lab: Lab, program: str, inputs: dict[str, torch.Tensor]) -> None:
    """Where shapes or factors are made of numbers, or it draws at random or prints, each run is a first one."""
    assert repeat_faults(lab.build(program, inputs), 2) == ([], False)


@pytest.mark.parametrize("entry", BENIGN, ids=lambda entry: entry.id)
def test_programs_that_people_write_give_the_bytes_of_the_first_time(entry: Entry) -> None:
    """Also with numbers that their authors did not mean."""
    assert repeat_faults(evaluation(entry), 5)[0] == []


def test_what_a_tape_cannot_compute_is_refused_with_its_place(lab: Lab) -> None:
    """An index that is out of range only in a played run has the error of a first one, and spoils nothing after it."""
    message = lab.build(
        "y = (torch.gather(x, 0, i)**2).sum()", {"x": _normal(300), "i": np.arange(300)}, wrt=["x"]
    )
    bad = lab.build(message.program, {"x": _normal(300), "i": np.arange(1, 301)}, wrt=["x"])
    code = prepare(compile_program(message.program, DEFAULT_LIMITS))
    replays = Replays(DEFAULT_LIMITS)
    before = [replays.evaluate(code, message) for _ in range(RUNS)][-1]
    assert replays.tapes == 1
    with pytest.raises(PullbackError) as plain:
        evaluate_alone(code, bad, DEFAULT_LIMITS)
    with pytest.raises(PullbackError) as played:
        replays.evaluate(code, bad)
    assert (type(played.value), str(played.value)) == (type(plain.value), str(plain.value))
    assert "line 1" in str(played.value)
    assert replays.evaluate(code, message) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda message: message.inputs["x"].CopyFrom(message.inputs["z"]),
        lambda message: message.inputs["x"].__setattr__("data", message.inputs["x"].data[8:]),
        lambda message: message.inputs["x"].shape.append(1),
        lambda message: message.wrt.append("x"),
        lambda message: message.outputs.append("y"),
        lambda message: message.value_only.SetInParent(),
        lambda message: message.__setattr__("device", evaluation_pb2.DEVICE_CPU),
        lambda message: message.__setattr__("program", message.program + "\n"),
        lambda message: message.inputs.__delitem__("z"),
    ],
)
def test_all_that_decides_but_numbers_is_in_the_key(lab: Lab, change: Callable[[Any], None]) -> None:
    """Other shapes, types, names, outputs, gradients or text are another key."""
    message = lab.build("y = x.sum()", {"x": _normal(300), "z": np.ones((3, 100), "f4")})
    key = replay_key(message)
    assert key is not None
    change(message)
    assert replay_key(message) != key


@pytest.mark.parametrize(
    "field", ["cotangents", "tangents", "stacked", "return_graph", "return_program_graph", "check_gradient",
              "detect_anomaly", "jacobian", "hessian", "jvp", "export", "batched_inputs", "descent_leg"],
)  # fmt: skip
def test_what_asks_for_more_than_a_gradient_is_not_played(lab: Lab, field: str) -> None:
    """Its parts are not among those that a tape gives."""
    message = lab.build("y = x.sum()", {"x": _normal(300)})
    part = getattr(message, field)
    if field in ("cotangents", "tangents"):
        part["y"].CopyFrom(message.inputs["x"])
    elif field == "batched_inputs":
        part.append("x")
    elif field == "export":
        message.export = evaluation_pb2.EXPORT_FORMAT_ONNX
    elif isinstance(part, bool):
        setattr(message, field, True)
    else:
        part.SetInParent()
    assert replay_key(message) is None


def test_bools_are_looked_at_every_time(lab: Lab) -> None:
    """A byte that is no bool is refused after any number of good ones."""
    message = lab.build(
        "y = torch.where(m, x, 0.0).sum()", {"x": _normal(9_000), "m": np.ones(9_000, bool)}, wrt=["x"]
    )
    assert message.inputs["m"].dtype == tensor_pb2.DATA_TYPE_BOOL
    for _ in range(RUNS):
        lab.engine.evaluate(message)
    message.inputs["m"].data = b"\x02" * 9_000
    assert "m" in str(lab.refusal(message))


def test_a_tape_takes_no_more_memory_than_it_may(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program whose values are big has none; a small part of the limit on memory is enough for one."""
    message = lab.build(QUARTIC, {"x": _normal(20_000)})
    assert _taped(message)
    tight = DEFAULT_LIMITS.model_copy(update={"live_bytes": 3_000_000})
    evaluate_alone(prepare(compile_program(QUARTIC, tight)), message, tight)
    assert not _taped(message, tight)
    monkeypatch.setattr(tape, "MAX_TAPED_BYTES", 100_000)
    assert not _taped(message)


def test_what_takes_long_is_not_run_again_to_learn(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what takes long at all, nor what takes long for its time limit."""
    message = lab.build(QUARTIC, {"x": _normal(20_000)})
    message.timeout.CopyFrom(Duration(nanos=1))
    assert not _taped(message)
    message.timeout.CopyFrom(Duration(seconds=30))
    assert _taped(message)
    monkeypatch.setattr(replay, "MAX_LEARNED_SECONDS", 0.0)
    assert not _taped(message)


def test_few_tapes_are_kept(lab: Lab) -> None:
    """Whoever sends ever other shapes makes the engine forget, and not grow."""
    replays = Replays(DEFAULT_LIMITS)
    code = prepare(compile_program("y = x.sum()", DEFAULT_LIMITS))
    for count in range(MAX_REPLAYS + 10):
        for _ in range(tape.COMPARED_RUN):
            replays.evaluate(code, lab.build(code.program.source, {"x": np.ones(300 + count)}))
    assert replays.tapes == MAX_REPLAYS


def test_the_engine_plays_what_is_too_big_for_rows(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the fourth run on it interprets nothing, and says who computed it as ever."""
    engine = Engine(worker="test")
    message = lab.build(QUARTIC, {"x": _normal(20_000)})
    first = [engine.evaluate(message) for _ in range(tape.COMPARED_RUN)]
    monkeypatch.setattr(replay, "evaluate_alone", None)
    assert engine.evaluate(message) == first[0]
    assert first[0].worker == "test"
