"""Programs that are short and would take a machine down: each refused before it takes anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest
import torch

from pullback.contract.errors import LimitExceeded
from pullback.contract.limits import Limits

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

# Far less than each of the programs would take, and far more than any of them takes until it is refused.
LIVE_BYTES = 32 * 2**20

LIVE, WORK, OPS, NESTING, ELEMENTS = (
    f"PULLBACK_LIMITS_{name}"
    for name in ("LIVE_BYTES", "WORK", "DISPATCHED_OPS", "GRAPH_NESTING", "ELEMENTS")
)

BOMBS = {
    # Free in the forward pass; the gradient has the size of the view's source.
    "select of a view": ("y = x.expand(2**26)[0]", LIVE),
    "slice of a view": ("y = x.expand(2**26)[3:5].sum()", LIVE),
    "narrow of a view": ("y = x.expand(2**26).narrow(0, 3, 2).sum()", LIVE),
    "gather from a view": ("y = x.expand(2**26).gather(0, torch.tensor([5])).sum()", LIVE),
    "diagonal of a view": ("y = x.expand(2**13, 2**13).diagonal().sum()", LIVE),
    "index of a view": ("y = x.expand(2**26)[torch.tensor([1, 2])].sum()", LIVE),
    "unbound view": ("y = x.expand(2**24, 4).unbind(1)[0][0]", LIVE),
    "its own backward": ("y = x.expand(2**26)[0]\ny.backward()", LIVE),
    "its own gradient": ("y = torch.autograd.grad(x.expand(2**26)[0], x)[0].sum()", LIVE),
    # Many tensors, each of a modest size.
    "many tensors": ("\n".join(f"a{i} = torch.zeros(2**21)" for i in range(99)) + "\ny = x.sum()", LIVE),
    "saved by autograd": (
        ("z = x.expand(2**20) * 1.5\n" + "z = z * z\n" * 99 + "y = z.sum()"),
        LIVE,
    ),
    "saved on the way": (
        "z = x.expand(2**19)\n"
        + "\n".join(f"a{i} = F.gaussian_nll_loss(z, z, z.abs() + 1)" for i in range(50))
        + "\ny = a49",
        LIVE,
    ),
    "columns of a convolution": (
        "a = torch.ones(1, 1, 500, 500)\ny = F.conv2d(a, torch.ones(1, 1, 30, 30)).sum() * x.sum()",
        LIVE,
    ),
    # Much time in one call.
    "product": ("a = torch.ones(1, 1).expand(4096, 4096)\ny = (a @ a).sum() * x.sum()", WORK),
    "power": (
        "a = torch.ones(1, 1).expand(1300, 1300)\ny = torch.linalg.matrix_power(a, 64).sum() * x.sum()",
        WORK,
    ),
    "decomposition": ("y = torch.linalg.svd(torch.eye(1500))[1].sum() * x.sum()", WORK),
    "convolution": (
        (
            "a = torch.ones(1, 1, 1, 1)\n"
            "y = F.conv2d(a.expand(1, 1, 2048, 2048), a.expand(1, 1, 1024, 1024)).sum() * x.sum()"
        ),
        WORK,
    ),
    "scalar contraction": (
        (
            "a = torch.ones(1, 1)\nb = a.expand(5000, 1000)\n"
            "y = torch.einsum('ab,cb,ca->', b, b, a.expand(5000, 5000)) * x.sum()"
        ),
        WORK,
    ),
    # One tensor that is too big, on the way to one that is not.
    "pairs of rows": ("y = F.pdist(torch.ones(2**15, 2)).sum() * x.sum()", ELEMENTS),
    "broadcast in a loss": ("y = F.mse_loss(torch.ones(2**14, 1), torch.ones(1, 2**14)) * x.sum()", ELEMENTS),
    "covariance": ("y = torch.cov(torch.ones(2**16, 2)).sum() * x.sum()", ELEMENTS),
    "singular vectors": ("y = torch.linalg.svd(torch.ones(2**16, 1))[0].sum() * x.sum()", ELEMENTS),
    "batched product": (
        "y = torch.bmm(torch.ones(1, 2**14, 1), torch.ones(1, 1, 2**14)).sum() * x.sum()",
        ELEMENTS,
    ),
    "inner product": (
        "y = torch.inner(torch.ones(2**14, 1), torch.ones(2**14, 1)).sum() * x.sum()",
        ELEMENTS,
    ),
    "bias of a layer": ("y = F.linear(torch.ones(2**14, 1), torch.ones(2**14, 1)).sum() * x.sum()", ELEMENTS),
    "contraction": (
        "a = torch.ones(2**9, 2**9)\ny = torch.einsum('ab,cd,bc,da->', a, a, a, a) * x.sum()",
        ELEMENTS,
    ),
    "indices": (
        "i = torch.zeros(2**18, dtype=torch.int64)\ny = torch.ones(2, 2**10)[i].sum() * x.sum()",
        ELEMENTS,
    ),
    "rows by index": (
        "i = torch.zeros(2**18, dtype=torch.int64)\ny = torch.ones(2, 2**10).index_select(0, i).sum() * x.sum()",
        ELEMENTS,
    ),
    "resized image": ("y = F.interpolate(x.reshape(1, 1, 1), size=2**28).sum()", ELEMENTS),
    "scaled image": ("y = F.interpolate(x.reshape(1, 1, 1), scale_factor=1e9).sum()", ELEMENTS),
    "pooled to more": ("y = F.adaptive_avg_pool1d(x.reshape(1, 1, 1), 2**28).sum()", ELEMENTS),
    "strides": (
        "a = x.reshape(1, 1, 1)\ny = F.conv_transpose1d(a.expand(1, 1, 99), a, stride=2**24).sum()",
        ELEMENTS,
    ),
    "filled spectrum": ("y = torch.fft.fftn(x, s=[2**28]).abs().sum()", ELEMENTS),
    # A graph that grows with every derivative, and one that is walked again and again.
    "derivatives of derivatives": (
        "g = (x**9).sum()\n" + "g = torch.autograd.grad(g, x, create_graph=True)[0].sum()\n" * 6,
        NESTING,
    ),
    "backward again": (
        "y = x\n" + "y = y * 1.01\n" * 999 + "z = y.sum()\n" + "z.backward(retain_graph=True)\n" * 200,
        OPS,
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_before_it_takes_memory(lab: Lab, name: str) -> None:
    """The error names the setting, the estimate and the place; the process has grown by less than the limit."""
    program, setting = BOMBS[name]
    small = lab.limited(Limits(live_bytes=LIVE_BYTES))
    before = psutil.Process().memory_info().rss
    error = small.refusal(small.build(program, {"x": torch.ones(1)}))
    assert isinstance(error, LimitExceeded), error
    assert error.metadata["limit_name"] == setting, error
    assert int(error.metadata["estimate"]) > int(error.metadata["limit"])
    assert error.message.startswith(f"line {error.metadata['line']}, column {error.metadata['column']}: ")
    assert error.message.endswith("^")
    assert psutil.Process().memory_info().rss - before < 2 * LIVE_BYTES


def test_a_refused_evaluation_leaves_no_tensor_behind(lab: Lab) -> None:
    """An error does not keep the frames it was raised in, nor what they hold."""
    small = lab.limited(Limits(live_bytes=LIVE_BYTES))
    error = small.refusal(small.build(BOMBS["many tensors"][0], {"x": torch.ones(1)}))
    assert error.__traceback__ is None
    assert error.__cause__ is None
    assert error.__context__ is None


HOLDERS = {
    "tuples printed": "t = (x, x)\n" + "t = (t, t)\n" * 40 + "print(t)\ny = x",
    "tuples formatted": "t = (x, x)\n" + "t = (t, t)\n" * 40 + "print(f'{t}')\ny = x",
    "lists in a loop": "t = [1, 2]\nfor i in range(40):\n    t = [t, t]\ny = torch.tensor(t)",
    "lists that hold nothing": "t = []\n" + "t = [t, t, t]\n" * 30 + "print(t)\ny = x",
    "lists that a number chooses": "t = [1]\n"
    + "t = [t, t] if x.sum().item() > 0 else t\n" * 40
    + "print(t)\ny = x",
    "lists that a function returns": (
        "def f(a):\n    return [a, a]\nt = 1\nfor i in range(40):\n    t = f(t)\nprint(t)\ny = x"
    ),
    "tuples as deep as a program is long": "t = (x,)\n" + "t = (t,)\n" * 1_000 + "print(t)\ny = x",
}


@pytest.mark.parametrize("name", HOLDERS)
def test_tuples_and_lists_hold_no_more_than_a_literal_may(lab: Lab, name: str) -> None:
    """Each holds the one before twice, or as deep as it goes: refused where it is built, before it is written out."""
    error = lab.refusal(lab.build(HOLDERS[name], {"x": torch.ones(1)}))
    assert isinstance(error, LimitExceeded), error
    assert error.metadata["limit_name"].endswith(("LITERAL_ELEMENTS", "BRACKET_DEPTH"))
    assert int(error.metadata["estimate"]) > int(error.metadata["limit"])


def test_a_list_of_lists_of_numbers_holds_what_a_literal_may(lab: Lab) -> None:
    """Thousands of numbers, in lists of two."""
    rows = "[" + ", ".join(["[1, 2]"] * 4_000) + "]"
    result = lab.run(f"y = torch.tensor({rows}).sum()", value_only=True)
    assert lab.value(result, "y").item() == 12_000
