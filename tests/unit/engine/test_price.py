"""Estimates against what torch itself counts and takes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pullback.contract.errors import LimitExceeded
from pullback.contract.limits import Limits
from pullback.contract.program import compile_program
from pullback.contract.program.ops import OPS
from pullback.engine.interpret import prepare, run
from pullback.engine.meter import Meter
from pullback.engine.price import price_call
from pullback.engine.sizes import ESTIMATES
from pullback.engine.work import WORK
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.unit.engine.conftest import Lab

ANY = Limits(live_bytes=2**50, work=2**60, elements=2**40, dispatched_ops=2**40)


def _metered(program: str, inputs: Mapping[str, torch.Tensor], limits: Limits = ANY) -> Meter:
    """Runs a program, differentiates its last value, and gives the meter."""
    code = prepare(compile_program(program, limits))
    own = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    meter = Meter(limits, own.values())
    state = run(code, own, meter)
    y = state.slots[code.program.names["y"]]
    assert isinstance(y, torch.Tensor)
    if y.requires_grad:
        meter.begin_backward([y], [*own.values()], create_graph=False, closely=True)
        torch.autograd.grad(y, [*own.values()], allow_unused=True)
    return meter


def _flops(program: str, inputs: Mapping[str, torch.Tensor]) -> int:
    own: dict[str, Any] = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    names = {"torch": torch, "F": torch.nn.functional, **own}
    with FlopCounterMode(display=False) as counter:
        exec(program, names)  # noqa: S102 - the tests' own text, as plain torch
        y: Any = names["y"]
        y.backward()
    return int(counter.get_total_flops()) // 2  # it counts additions too


def _rand(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


PRODUCTS = {
    "matrices": ("y = (a @ b).sum()", {"a": _rand(60, 50), "b": _rand(50, 40)}),
    "batches": ("y = torch.bmm(a, b).sum()", {"a": _rand(6, 30, 20), "b": _rand(6, 20, 10)}),
    "broadcast batches": ("y = (a @ b).sum()", {"a": _rand(6, 30, 20), "b": _rand(20, 10)}),
    "sum and product": (
        "y = torch.addmm(c, a, b).sum()",
        {"a": _rand(60, 50), "b": _rand(50, 40), "c": _rand(40)},
    ),
    "layer": ("y = F.linear(a, b).sum()", {"a": _rand(8, 60, 50), "b": _rand(40, 50)}),
    "contraction": (
        "y = torch.einsum('abc,cd->abd', a, b).sum()",
        {"a": _rand(8, 20, 30), "b": _rand(30, 10)},
    ),
    "three in a contraction": (
        "y = torch.einsum('ab,bc,cd->ad', a, b, c).sum()",
        {"a": _rand(20, 30), "b": _rand(30, 40), "c": _rand(40, 10)},
    ),
    "tensors": ("y = torch.tensordot(a, b, dims=1).sum()", {"a": _rand(8, 20, 30), "b": _rand(30, 10)}),
    "convolution": ("y = F.conv2d(a, b).sum()", {"a": _rand(2, 3, 20, 20), "b": _rand(4, 3, 5, 5)}),
    "padded convolution": (
        "y = F.conv2d(a, b, stride=2, padding=2, dilation=2).sum()",
        {"a": _rand(2, 3, 30, 30), "b": _rand(4, 3, 5, 5)},
    ),
    "transposed convolution": (
        "y = F.conv_transpose2d(a, b, stride=2).sum()",
        {"a": _rand(2, 3, 20, 20), "b": _rand(3, 4, 5, 5)},
    ),
    "chain": ("z = a @ b\nz = (z @ b).tanh()\ny = (z @ b).sum()", {"a": _rand(60, 50), "b": _rand(50, 50)}),
}


@pytest.mark.parametrize("name", PRODUCTS)
def test_work_of_products_is_what_torch_counts(name: str) -> None:
    """Forward and backward together: no less than torch's multiplications, and less than twice as many."""
    program, inputs = PRODUCTS[name]
    counted, estimated = _flops(program, inputs), _metered(program, inputs).work
    assert counted <= estimated <= 2 * counted


class _Peak(TorchDispatchMode):
    """Measures the bytes of all storages that are alive, after each kernel."""

    def __init__(self, inputs: Mapping[str, torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._alive: dict[int, int] = {}
        self.peak: int = 0
        for tensor in inputs.values():
            self._add(tensor)

    def _add(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage._cdata not in self._alive:
            self._alive[storage._weak_ref()] = storage.nbytes()  # type: ignore[index]

    def __torch_dispatch__(
        self, func: Callable[..., Any], _types: object, args: Any = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for item in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(item, torch.Tensor):
                self._add(item)
        for reference in [each for each in self._alive if torch.UntypedStorage._expired(each)]:
            del self._alive[reference]
            torch.UntypedStorage._free_weak_ref(reference)  # type: ignore[no-untyped-call]
        self.peak = max(self.peak, sum(self._alive.values()))
        return result


def _measured(program: str, inputs: Mapping[str, torch.Tensor]) -> int:
    code = prepare(compile_program(program))
    own = {name: tensor.clone().requires_grad_() for name, tensor in inputs.items()}
    with _Peak(own) as mode:
        state = run(code, own, Meter(ANY, own.values()))
        y = state.slots[code.program.names["y"]]
        assert isinstance(y, torch.Tensor)
        torch.autograd.grad(y, [*own.values()], allow_unused=True)
    return int(mode.peak)


# Steps of random programs: values are matrices of 128 by 128, and stay near one.
STEPS = (
    "{0} + {1}",
    "{0} * {1}",
    "{0} - 2 * {1}",
    "({0} @ {1}) / 128",
    "{0}.sin()",
    "torch.exp(-{0}.abs())",
    "torch.softmax({0}, 1) + {1}",
    "F.gelu({0})",
    "{0}.T * {1}",
    "torch.where({0} > {1}, {0}, {1})",
    "{0}.sum(0) + {1}",
    "torch.cat([{0}, {1}])[64:192]",
    "{0}.sort(1).values",
    "{0}[torch.arange(127, -1, -1)]",
    "{0}.cumsum(1) / 128",
    "torch.stack([{0}, {1}]).mean(0)",
    "F.layer_norm({0}, (128,)) + {1}",
    "torch.logsumexp({0}, 1) + {1}",
    "F.normalize({0}) * {1}",
    "{0}.clamp(-1, 1).expand(2, 128, 128).sum(0)",
    "F.huber_loss({0}, {1}) + {0}",
    "torch.linalg.solve({0} + 200 * torch.eye(128), {1})",
)


def _random_program(seed: int) -> str:
    choose = random.Random(seed)  # noqa: S311 - nothing to hide
    names = ["x", "w"]
    lines = []
    for index in range(choose.randint(3, 12)):
        lines.append(f"a{index} = {choose.choice(STEPS).format(*choose.choices(names, k=2))}")
        names.append(f"a{index}")
    return "\n".join([*lines, f"y = ({names[-1]} * x).mean()"])


@pytest.mark.parametrize("seed", range(60))
def test_memory_is_bounded_and_not_by_far_too_much(seed: int) -> None:
    """The bound is no less than the storages that were alive at one time, and at most three times as much."""
    program = _random_program(seed)
    inputs = {"x": _rand(128, 128), "w": _rand(128, 128) + 0.5}
    measured, estimated = _measured(program, inputs), _metered(program, inputs).peak
    # Numbers that torch makes tensors of, a few bytes each, are not followed.
    assert measured <= estimated + 64, program
    assert estimated <= 3 * measured, program


HONEST = {
    "a square": "y = (x * x).sum()",
    "a product of functions": "y = (x.sin() * x + 2 * x - 1).sum()",
    "a sum of functions": "y = (x.exp() + x**3 / 3 - x.tanh()).mean()",
    "a sorted mean": "y = (torch.sort(x).values * 2).mean()",
}


@pytest.mark.parametrize("name", HONEST)
def test_the_biggest_inputs_have_gradients(name: str) -> None:
    """64 MiB of float64: what is refused is decided on tensors without memory, by the limits as they come."""
    code = prepare(compile_program(HONEST[name]))
    with torch.device("meta"):
        x = torch.empty(2**23, dtype=torch.float64, requires_grad=True)
        meter = Meter(Limits(), [x], is_dry=True)
        state = run(code, {"x": x}, meter)
        y = state.slots[code.program.names["y"]]
        assert isinstance(y, torch.Tensor)
        meter.begin_backward([y], [x], create_graph=False)
    assert meter.peak >= 3 * 2**26


@pytest.mark.parametrize(
    "program",
    [
        "y = x\n" + "y = y * 1.01 + 0.5\n" * 1800 + "y = y.sum()",
        "y = x.reshape(10, 10)\n" + "y = (y @ y).tanh()\n" * 400 + "y = y.sum()",
        "w = torch.zeros(100, requires_grad=True)\n"
        + "g = torch.autograd.grad(((w - x)**2).mean(), w)[0]\nw = (w - 0.1 * g).detach().requires_grad_()\n"
        * 300
        + "y = (w * x).sum()",
        "w = torch.zeros(100, requires_grad=True)\n"
        + "g = torch.autograd.grad(((w - x)**2).mean(), w, create_graph=True)[0]\nw = w - 0.1 * g\n" * 30
        + "y = (w * x).sum()",
        "y = (x**4).sum()\n" + "y = torch.autograd.grad(y, x, create_graph=True)[0].sum()\n" * 4,
    ],
    ids=["long loop", "chain of products", "descent", "descent through descent", "fourth derivative"],
)
def test_long_honest_programs_pass(lab: Lab, program: str) -> None:
    """Two thousand statements, hundreds of backward passes, derivatives of derivatives."""
    assert lab.run(program, {"x": torch.linspace(0, 1, 100)}).values["y"].data


def test_what_was_let_go_does_not_count(lab: Lab) -> None:
    """A chain over a big tensor holds two of it; one that autograd must save holds all."""
    small = lab.limited(Limits(live_bytes=20 * 2**20))
    chain = "z = x.expand(2**20) + 0\n" + "z = {0}\n" * 20 + "y = z.sum()"
    x = {"x": torch.ones(1)}
    assert small.run(chain.format("z.sin()"), x, value_only=True).values["y"].data
    assert small.run(chain.format("z + 1"), x).gradients["x"].data
    error = small.refusal(small.build(chain.format("z.sin()"), x))
    assert isinstance(error, LimitExceeded)
    assert error.metadata["limit_name"] == "PULLBACK_LIMITS_LIVE_BYTES"


def test_graphs_that_are_gone_do_not_count(lab: Lab) -> None:
    """Fifty backward passes, each over a graph of a few MiB that lives no longer than the pass."""
    small = lab.limited(Limits(live_bytes=64 * 2**20))
    program = (
        "w = torch.zeros(2**18, requires_grad=True)\nv = w.detach()\n"
        + "v = v - torch.autograd.grad(F.gaussian_nll_loss(w, w.sin() + v, w.abs() + 1), w)[0]\n" * 50
        + "y = v.sum() * x.sum()"
    )
    assert small.run(program, {"x": torch.ones(1)}).values["y"].data


def test_every_row_has_a_work_rule_or_is_known_to_visit_elements_once() -> None:
    """What decomposes, transforms, sorts, convolves or multiplies has a rule of its own."""
    words = ("conv", "matmul", "sort", "einsum", "solve", "eig", "svd", "cholesky", "_pool", "quantile")
    costly = {
        key
        for key in OPS
        if (key.startswith("torch.fft.") and not key.endswith(("freq", "shift")))
        or (any(word in key for word in words) and not key.startswith("Tuple."))
    }
    cheap = {key for key in costly if "adaptive" in key}  # each element once
    assert sorted(costly - cheap - WORK.keys()) == []
    assert OPS.keys() >= WORK.keys() | ESTIMATES.keys()


@pytest.mark.parametrize(
    ("op", "operands", "work"),
    [
        ("torch.sin", (torch.ones(5, 4),), 40),
        ("operator.add", (torch.ones(5, 1), torch.ones(4)), 9 + 20),
        ("Tensor.sum", (torch.ones(5, 4),), 40),
        ("Tensor.transpose", (torch.ones(5, 4), 0, 1), 0),
        ("Tensor.shape", (torch.ones(5, 4),), 0),
    ],
)
def test_by_default_elements_are_visited_once(op: str, operands: tuple[object, ...], work: int) -> None:
    """Those given and those made; none where a view is made or a shape is read."""
    assert price_call(op, operands, None, ANY).work == work


def test_rows_are_priced_when_they_are_planned(lab: Lab) -> None:
    """A program whose calls are beyond the limit is refused the first time and every time, with its place."""
    small = lab.limited(Limits(dispatched_ops=9))
    many = [small.build("y = x * 2\n" + "y = y + 1\n" * 9, {"x": torch.tensor(float(i))}) for i in range(3)]
    for outcome in small.engine.evaluate_many(many):
        assert isinstance(outcome, LimitExceeded)
        assert outcome.metadata["line"] == "10"
    few = [small.build("y = x * 2\ny = y + 1", {"x": torch.tensor(float(i))}) for i in range(3)]
    assert all(isinstance(each, evaluation_pb2.Result) for each in small.engine.evaluate_many(few))
