"""The engine's door: many evaluations in, as many outcomes out, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from pullback.contract.errors import InternalFault, LimitExceeded, ProgramError, PullbackError
from pullback.engine import Engine, engine, engine_version, replay
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

ONE = torch.tensor(1.0)


def test_outcomes_keep_the_order_of_their_evaluations(lab: Lab) -> None:
    """Rows, lone runs and errors are given back where they were asked for."""
    evaluations = [
        lab.build("y = 2*x", {"x": ONE}),
        lab.build("y = nonsense(x)", {"x": ONE}),
        lab.build("y = x.reshape(1)", {"x": ONE}),
        lab.build("y = 2*x", {"x": 3 * ONE}),
        lab.build("y = torch.zeros(2**40)", {"x": ONE}),
    ]
    outcomes = lab.engine.evaluate_many(evaluations)
    assert [type(outcome) for outcome in outcomes] == [
        evaluation_pb2.Result,
        ProgramError,
        evaluation_pb2.Result,
        evaluation_pb2.Result,
        LimitExceeded,
    ]
    assert [lab.value(o, "y").item() for o in outcomes if isinstance(o, evaluation_pb2.Result)] == [2, 1, 6]


def test_nothing_in_nothing_out(lab: Lab) -> None:
    """An empty batch is no error."""
    assert lab.engine.evaluate_many([]) == []


def test_a_result_says_who_computed_it(lab: Lab) -> None:
    """Device, worker and versions are in every result, from rows and alone."""
    for program in ("y = 2*x", "y = x.reshape(1)"):
        result = lab.run(program, {"x": ONE})
        assert result.device == evaluation_pb2.DEVICE_CPU
        assert result.worker == "test"
        assert result.engine == engine_version()
        assert not result.HasField("timings")
    assert engine_version().endswith(f"+torch{torch.__version__.split('+', maxsplit=1)[0]}")


def test_a_bug_of_ours_is_internal_and_says_nothing(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw is logged, and hidden from the caller; the next evaluation is not harmed."""

    def fail(*_: object) -> None:
        raise KeyError("/a/secret/path")

    with monkeypatch.context() as patch:
        patch.setattr(replay, "evaluate_alone", fail)
        error = lab.refusal(lab.build("y = x.reshape(1)", {"x": ONE}))
    assert isinstance(error, InternalFault)
    assert "secret" not in str(error)
    assert "secret" in caplog.text
    assert lab.value(lab.run("y = x.reshape(1)", {"x": ONE}), "y").item() == 1


def test_state_does_not_leak_from_one_evaluation_to_the_next(lab: Lab) -> None:
    """A program that fails under no_grad leaves tracking on."""
    lab.refusal(lab.build("with torch.no_grad():\n    y = x.reshape(7)", {"x": ONE}))
    assert torch.is_grad_enabled()
    assert lab.gradient(lab.run("y = x.reshape(1)", {"x": ONE}), "x").item() == 1


def test_an_engine_evaluates_under_no_grad_too(lab: Lab) -> None:
    """The caller's gradient mode is not the program's."""
    with torch.no_grad():
        assert lab.gradient(lab.run("y = x.reshape(1)", {"x": ONE}), "x").item() == 1
        assert lab.gradient(lab.run("y = 2*x", {"x": ONE}), "x").item() == 2
        assert not torch.is_grad_enabled()


def test_caches_are_bounded(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller with ever new programs costs no ever new memory."""
    monkeypatch.setattr(engine, "MAX_PROGRAMS", 3)
    monkeypatch.setattr(engine, "MAX_PLANS", 2)
    small = Engine()
    for index in range(10):
        small.evaluate(lab.build(f"y = x + {index}", {"x": ONE}))
    assert len(small._programs) == 3
    assert len(small._runners) == 2
    assert lab.value(small.evaluate(lab.build("y = x + 0", {"x": ONE})), "y").item() == 1


def test_caches_hold_few_programs_that_are_long(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop of a hundred turns is a program of hundreds of values; the newest is kept, however long it is."""
    monkeypatch.setattr(engine, "MAX_KEPT_SLOTS", 1_000)
    small = Engine()
    for turns in (100, 101, 102, 103, 1_000):
        evaluation = lab.build(f"y = x\nfor i in range({turns}):\n    y = y * 0.5 + i", {"x": ONE})
        small.evaluate(evaluation)
        assert 1 <= len(small._programs) <= 4
        assert 1 <= len(small._runners) <= 4
        assert small.evaluate(evaluation) == small.evaluate(evaluation)
    assert len(small._programs) == len(small._runners) == 1


ERRORS = [
    ("y = x.reshape(7)", 1, ["reshape", "float32[2, 3]"]),
    ("a = 1\ny = torch.matmul(x, x)", 2, ["torch.matmul", "float32[2, 3]"]),
    ("y = F.relu(x) +  x[0, :2]", 1, ["+", "float32[2]"]),
    ("y = torch.linalg.cholesky(-torch.eye(2))", 1, ["torch.linalg.cholesky"]),
    ("y = x.sum(dim=5)", 1, [".sum", "-2, 1"]),
    ("y = x[5]", 1, ["[...]", "5"]),
    ("y = x.view(torch.tensor(3))", 1, []),
    ("torch.zeros(2).sum().backward()", 1, ["nothing that it depends on requires a gradient"]),
    ("(2*x).backward()", 1, ["only a scalar", ".sum()"]),
    ("a = x.sum()\ng = torch.autograd.grad(a, torch.ones(1, requires_grad=True))", 2, ["allow_unused=True"]),
]


@pytest.mark.parametrize(("program", "line", "words"), ERRORS)
def test_an_error_says_where_and_what(lab: Lab, program: str, line: int, words: list[str]) -> None:
    """A failing statement is named with its line, its op and its operands, in our words."""
    error = lab.refusal(lab.build(program, {"x": torch.ones(2, 3)}))
    assert isinstance(error, ProgramError)
    assert error.metadata["line"] == str(line)
    assert all(word in error.message for word in words), error.message


@pytest.mark.parametrize("program", [row[0] for row in ERRORS])
def test_an_error_shows_nothing_of_the_machine(lab: Lab, program: str) -> None:
    """No path, address, C++ name or traceback leaves the engine."""
    message = str(lab.refusal(lab.build(program, {"x": torch.ones(2, 3)})))
    assert not any(mark in message for mark in ("/", "0x", "::", "Traceback", ".py", ".cpp"))
    assert len(message) < 600


def test_evaluate_raises_what_evaluate_many_returns(lab: Lab) -> None:
    """One evaluation's error is raised."""
    with pytest.raises(PullbackError, match="reshape"):
        lab.engine.evaluate(lab.build("y = x.reshape(7)", {"x": ONE}))
