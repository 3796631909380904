"""A descent as it is typed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from pullback.cli.app import app
from pullback.cli.descents.words import Request, begin, read_choice
from pullback.client import LBFGS, SGD, MiniBatches, MultiStepLR
from pullback.client.descents.optimizers import OPTIMIZERS
from pullback.client.descents.schedules import SCHEDULES


def test_names_and_options_are_read() -> None:
    """Numbers, lists, words and truths; a comma within brackets parts nothing."""
    assert read_choice("", "sgd,lr=0.1,momentum=.9,nesterov=true", OPTIMIZERS) == SGD(
        lr=0.1, momentum=0.9, nesterov=True
    )
    assert read_choice("", "lbfgs,line_search_fn=strong_wolfe,max_iter=4", OPTIMIZERS) == LBFGS(
        line_search_fn="strong_wolfe", max_iter=4
    )
    assert read_choice("", "multi_step,milestones=[30,60],gamma=0.5", SCHEDULES) == MultiStepLR([30, 60], 0.5)


@pytest.mark.parametrize("text", ["newton", "", "sgd,speed=1", "sgd,lr", "sgd,", "sgd,lr=1,,"])
def test_what_is_none_is_refused(text: str) -> None:
    """With what there is."""
    with pytest.raises(typer.BadParameter, match=r"sgd|none of"):
        read_choice("--optimizer", text, OPTIMIZERS)


def test_what_is_missing_is_named() -> None:
    """An exponential schedule has no default."""
    with pytest.raises(typer.BadParameter, match="exponential needs gamma"):
        read_choice("--schedule", "exponential", SCHEDULES)


class _Client:
    """Keeps what it is asked for."""

    def descend(self, program: str, inputs: Any, **options: Any) -> Any:
        return {"program": program, "inputs": inputs, **options}


PLAIN = Request(program="y = x**2", optimizer="sgd", steps=10, inputs=["x=[1,2]"])


def test_bounds_and_batches_are_read() -> None:
    """One side may be left out; numbers, lists, and names by commas."""
    asked = replace(PLAIN, bounds=["x=[0,1]:", "w=-1:1"], batch=["data,t"], batch_size=4, in_order=True)
    found: Any = begin(_Client(), asked, None)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found["bounds"]["x"][0], [0, 1])
    assert found["bounds"]["x"][1] is None
    assert found["bounds"]["w"] == (-1, 1)
    assert found["batches"] == MiniBatches(inputs=["data", "t"], size=4, shuffle=False)


@pytest.mark.parametrize(
    "changes",
    [
        {"bounds": ["x"]}, {"bounds": ["x=1"]}, {"bounds": ["=1:2"]}, {"bounds": ["x=a:b"]}, {"batch": ["x"]},
        {"batch_size": 3}, {"drop_last": True}, {"in_order": True}, {"batch_seed": 1},
    ],
)  # fmt: skip
def test_what_does_not_go_together_is_refused(changes: dict[str, Any]) -> None:
    """Before anything is sent."""
    with pytest.raises(typer.BadParameter):
        begin(_Client(), replace(PLAIN, **changes), None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "words",
    [["--plot", "loss.txt"], ["--resume", "nowhere"], ["--optimizer", "newton"]],
)
def test_wrong_usage_ends_with_two(words: list[str]) -> None:
    """And reaches no service."""
    result = CliRunner().invoke(app, ["descend", "y = x**2", "x=2", "--optimizer", "sgd", *words])
    assert result.exit_code == 2
