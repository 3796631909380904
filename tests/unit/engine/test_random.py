"""Random numbers: one generator for each evaluation, with the numbers that torch gives for the same seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from pullback.engine.draws import Draws

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

# One expression for each row that draws, and more where torch's way depends on the operands.
DRAWS = [
    "torch.rand(3, 4)",
    "torch.rand(5, dtype=torch.float64)",
    "torch.randn(37)",
    "torch.randn((2, 3))",
    "torch.randint(10, (3,))",
    "torch.randint(-5, 5, (20,))",
    "torch.randperm(9)",
    "torch.normal(2.0, 3.0, (17,))",
    "torch.normal(x, 1.0)",
    "torch.normal(0.5, x)",
    "torch.normal(x, x)",
    "torch.bernoulli(p)",
    "torch.bernoulli(x, 0.3)",
    "p.bernoulli()",
    "p.bernoulli(p=0.3)",
    "torch.multinomial(p, 2)",
    "p.multinomial(8, replacement=True)",
    "torch.poisson(x)",
    "torch.rand_like(x)",
    "torch.randn_like(x)",
    "torch.randint_like(x, 7)",
    "torch.randint_like(x, 3, 7)",
    "F.dropout(x, 0.3)",
    "F.dropout(x, p=0.5, training=True) * F.dropout(x)",
    "F.dropout(x, 0.3, training=False)",
    "F.dropout(x, 0.0)",
    "F.dropout(x, 1.0)",
    "torch.dropout(x, 0.4, True)",
    "F.dropout1d(m, 0.3)",
    "F.dropout1d(m[None], 0.3)",
    "F.dropout2d(m[None, :, None], 0.3)",
    "F.dropout3d(m[None, :, None, None], 0.3)",
    "F.alpha_dropout(x, 0.3, training=True)",
    "F.alpha_dropout(x, 0.3)",
    "F.gumbel_softmax(m, tau=0.7, dim=0)",
    "F.gumbel_softmax(m, hard=True)",
]

X = np.linspace(0.1, 3.0, 40)
P = np.array([0.1, 0.2, 0.3, 0.4])
M = np.linspace(-2.0, 2.0, 12).reshape(4, 3)


def _plain(program: str, seed: int) -> torch.Tensor:
    """Runs a program in plain torch with its own generator, which is put back as it was."""
    names: dict[str, object] = {
        "torch": torch,
        "F": torch.nn.functional,
        **{name: torch.from_numpy(value) for name, value in (("x", X), ("p", P), ("m", M))},
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        exec(program, names)  # noqa: S102 - text of this file, run by the oracle
    value = names["y"]
    assert isinstance(value, torch.Tensor)
    return value


def _run(lab: Lab, program: str, seed: int = 0) -> torch.Tensor:
    evaluation = lab.build(program, {"x": X, "p": P, "m": M}, value_only=True)
    evaluation.seed = seed
    return lab.value(lab.engine.evaluate(evaluation), "y")


@pytest.mark.parametrize("expression", DRAWS)
def test_a_seed_gives_the_numbers_that_torch_gives(lab: Lab, expression: str) -> None:
    """Bit for bit, whether the evaluation brings the seed or the program sets it."""
    wanted = _plain(f"y = {expression}", 7)

    assert torch.equal(_run(lab, f"y = {expression}", 7), wanted)
    assert torch.equal(_run(lab, f"torch.manual_seed(7)\ny = {expression}", 3), wanted)


def test_numbers_follow_each_other_and_a_seed_begins_anew(lab: Lab) -> None:
    """As in torch: two draws differ, and the same seed set again gives the first one."""
    program = "torch.manual_seed(5)\na = torch.rand(4)\nb = torch.randn(4)\ntorch.manual_seed(5)\nc = torch.rand(4)\n"
    assert torch.equal(
        _run(lab, program + "y = torch.stack([a, b, c])"), _plain(program + "y = torch.stack([a, b, c])", 0)
    )


@pytest.mark.parametrize("expression", DRAWS)
def test_nothing_else_decides_what_is_drawn(lab: Lab, expression: str) -> None:
    """Neither what ran before in the process, nor torch's own generator, which is left as it was."""
    program = f"y = {expression}"
    first = _run(lab, program)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    _run(lab, "y = torch.randn(1000)", 12)

    assert torch.equal(_run(lab, program), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_like_evaluations_that_draw_are_computed_alone(lab: Lab) -> None:
    """Each of a batch draws what it would draw by itself."""
    batch = [lab.build("y = (x * torch.rand(3)).sum()", {"x": np.full(3, float(i))}) for i in range(40)]
    for index, evaluation in enumerate(batch):
        evaluation.seed = index
    alone = [lab.engine.evaluate(evaluation) for evaluation in batch]

    assert lab.engine.evaluate_many(batch) == alone
    assert len({bytes(result.gradients["x"].data) for result in alone}) == len(batch)


def test_a_gradient_flows_past_what_is_dropped(lab: Lab) -> None:
    """The gradient of dropout is its mask."""
    result = lab.run(
        "torch.manual_seed(1)\nd = F.dropout(x, 0.25)\ny = d.sum()", {"x": X}, outputs=["d", "y"]
    )
    mask = lab.gradient(result, "x")

    assert set(mask.tolist()) == {0.0, 1 / 0.75}
    assert torch.allclose(lab.value(result, "d"), mask * torch.from_numpy(X))


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("y = F.dropout(x, 1.5)", "'p' is from 0 to 1, not 1.5"),
        ("y = torch.poisson(-x)", "negative, NaN or above"),
        ("y = torch.poisson(x / 0)", "negative, NaN or above"),
        ("y = torch.multinomial(x, 100)", "multinomial"),
        ("y = torch.bernoulli(x)", "bernoulli"),
        ("y = torch.rand(3, generator=x)", "no argument 'generator'"),
        ("torch.manual_seed(x)\ny = x", "takes a whole number"),
    ],
)
def test_what_cannot_be_drawn_is_refused(lab: Lab, program: str, words: str) -> None:
    """In words, and with its place."""
    error = lab.refusal(lab.build(program, {"x": X}, value_only=True))
    assert words in error.message, error.message


def test_every_seed_of_the_wire_is_a_generators_seed() -> None:
    """The field is an unsigned integer of 64 bits, and its greatest value begins a generator too."""
    assert Draws(2**64 - 1).generator.initial_seed() == 2**64 - 1
