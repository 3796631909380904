"""Gradients held against finite differences of the values that the program itself gives.

Strategy: an element of an input is moved up and down by a step, and by half of it, and each time the program runs
again, as often as limits allow. Four values tell more than a number: where the one-sided slopes differ as much at half
the step, the function has a kink there and no gradient; where the central ones differ, the step says nothing.

The step is the cube root of the unit roundoff, times the element where that is above 1: there the error of a central
difference, of the order of the step squared, meets that of rounding. See Nocedal and Wright, Numerical Optimization,
2nd edition, section 8.1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import torch

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.contract.limits import limit_metadata
from pullback.engine.meter import Meter
from pullback.engine.outputs import output_values
from pullback.engine.values import element_index
from pullback.engine.wire import describe_tensor
from pullback.v1 import evaluation_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pullback.engine.stage import Stage

# Most elements of one input that are moved. Of a bigger one, as many are, evenly spread over it.
MOST_ELEMENTS = 100

# Runs of the program for each number that is moved, at most.
PROBES = 6

# A difference is taken over this part of the step once more before a gradient is called wrong.
_FINE = 64

# How far analytic and numeric derivative may be apart, of the bigger of the two. Below float32 a difference says
# too little for a verdict.
_TOLERANCES = {torch.float64: 1e-5, torch.float32: 1e-2}

# Rounding errors of so many units in the last place of the value are allowed for in a difference.
_ROUNDING = 16

# One-sided slopes that are as far apart at half the step, but for this part, are those of a kink.
_KINK = 0.75

_AGREES = evaluation_pb2.GRADIENT_VERDICT_AGREES
_DIFFERS = evaluation_pb2.GRADIENT_VERDICT_DIFFERS
_KINKED = evaluation_pb2.GRADIENT_VERDICT_KINK
_UNDECIDED = evaluation_pb2.GRADIENT_VERDICT_UNDECIDED

# From the mildest to what counts.
_ORDER = (_AGREES, _KINKED, _UNDECIDED, _DIFFERS)


class _Probe(NamedTuple):
    """An element, or a part of a complex one.

    Attributes:
        element: its number, in row-major order.
        part: 0 for the real part, 1 for the imaginary one.
    """

    element: int
    part: int


class _Found(NamedTuple):
    probe: _Probe
    analytic: float
    numeric: float
    verdict: evaluation_pb2.GradientVerdict

    @property
    def absolute(self) -> float:
        return abs(self.analytic - self.numeric)

    @property
    def relative(self) -> float:
        largest = max(abs(self.analytic), abs(self.numeric))
        return self.absolute / largest if largest else self.absolute


def check_gradients(
    stage: Stage,
    points: Mapping[str, torch.Tensor],
    gradients: Mapping[str, torch.Tensor],
    spent: Meter,
) -> dict[str, evaluation_pb2.GradientCheck]:
    """Compares gradients with finite differences.

    Args:
        stage: the program, and what is asked for.
        points: the inputs as they were before the program ran.
        gradients: what was found, by name. Those of leaves that are no inputs are not compared.
        spent: what was taken so far; what this takes counts against the same limits.

    Raises:
        InvalidArgument: what is differentiated is not one number.
        LimitExceeded: so many runs would be beyond a limit.
        PullbackError: the program fails beside the point.
    """
    probes = {name: [*_probes(points[name])] for name in gradients if name in points}
    differences = _Differences(stage, points, spent)
    differences.check_price(PROBES * sum(map(len, probes.values())))
    return {
        name: _summary(points[name], [differences.compare(name, each, gradients[name]) for each in found])
        for name, found in probes.items()
    }


def _probes(point: torch.Tensor) -> Iterator[_Probe]:
    count = point.numel()
    most = min(count, MOST_ELEMENTS)
    for number in range(most):
        for part in range(1 + point.is_complex()):
            yield _Probe(number * count // most, part)


class _Differences:
    """Runs the program beside a point."""

    def __init__(self, stage: Stage, points: Mapping[str, torch.Tensor], spent: Meter) -> None:
        self._stage = stage
        self._points = points
        self._meter = spent
        # A program that differentiates by itself needs its inputs tracked.
        program = stage.program
        self._tracked = (
            stage.request.tracked if program.calls_backward or "torch.autograd.grad" in program.ops else ()
        )
        self._seeds = {name: stage.read(each) for name, each in stage.request.cotangents.items()}
        calls, work = spent.calls, spent.work
        self._value, self._noise = self._at(points)
        self._calls, self._work = self._meter.calls - calls, self._meter.work - work

    def check_price(self, runs: int) -> None:
        """Refuses runs that would be beyond a limit, from what the first of them took."""
        limits = self._stage.limits
        for name, taken, each in (
            ("dispatched_ops", self._meter.calls, self._calls),
            ("work", self._meter.work, self._work),
        ):
            limit, estimate = getattr(limits, name), taken + runs * each
            if estimate > limit:
                raise LimitExceeded(
                    f"the program runs {runs:,} times more, which takes {estimate:,} of `{name}`, but the limit is "
                    f"{limit:,}",
                    field="check_gradient",
                    metadata=limit_metadata(limit, estimate, name),
                )

    def compare(self, name: str, probe: _Probe, gradient: torch.Tensor) -> _Found:
        point = self._points[name]
        analytic = float(_parts(gradient.detach())[probe.element, probe.part])
        real = point.real.dtype if point.is_complex() else point.dtype
        here = float(_parts(point)[probe.element, probe.part])
        step = torch.finfo(real).eps ** (1 / 3) * max(1.0, abs(here))
        whole, half = self._slopes(name, probe, step), self._slopes(name, probe, step / 2)
        numeric = sum(half) / 2
        verdict = self._verdict(analytic, whole, half, real, step)
        if verdict == _DIFFERS:
            # What oscillates faster than the step has some difference too, and another one over a finer step.
            fine = sum(self._slopes(name, probe, step / _FINE)) / 2
            if not abs(fine - numeric) <= abs(analytic - numeric) / 4:
                verdict = _UNDECIDED
        return _Found(probe, analytic, numeric, verdict)

    def _slopes(self, name: str, probe: _Probe, step: float) -> tuple[float, float]:
        """Gives the slopes below and above a point, over the steps that its data type has."""
        (below, down), (above, up) = (self._moved(name, probe, sign * step) for sign in (-1, 1))
        here = self._value
        return (here - below) / down if down else math.nan, (above - here) / up if up else math.nan

    def _moved(self, name: str, probe: _Probe, step: float) -> tuple[float, float]:
        moved = self._points[name].detach().clone()
        flat = _parts(moved)
        before = float(flat[probe.element, probe.part])
        flat[probe.element, probe.part] += step
        after = float(flat[probe.element, probe.part])
        return self._at({**self._points, name: moved})[0], abs(after - before)

    def _at(self, points: Mapping[str, torch.Tensor]) -> tuple[float, float]:
        """Gives what is differentiated at a point, and how finely it is rounded."""
        stage = self._stage
        inputs = {
            name: tensor.detach().clone().requires_grad_(name in self._tracked)
            for name, tensor in points.items()
        }
        self._meter = Meter(stage.limits, inputs.values(), spent=self._meter)
        try:
            state = stage.run(inputs, self._meter)
            try:
                return self._number(output_values(stage.code, stage.request, state))
            finally:
                state.close()
        finally:
            self._meter.close()

    def _number(self, outputs: Mapping[str, torch.Tensor]) -> tuple[float, float]:
        if not self._seeds:
            name = self._stage.request.outputs[-1] if outputs else ""
            if not outputs or outputs[name].numel() != 1 or outputs[name].is_complex():
                given = f"`{name}` is {describe_tensor(outputs[name])}" if outputs else "there is no output"
                raise InvalidArgument(
                    f"{given}, but a gradient is checked of one real number; name it last in outputs, or give "
                    "cotangents",
                    field="check_gradient",
                )
            pairs = [(outputs[name], torch.ones_like(outputs[name]))]
        else:
            pairs = [(outputs[name], seed) for name, seed in self._seeds.items()]
        total, noise = 0.0, 0.0
        for output, seed in pairs:
            product = _parts(output.detach()).double() * _parts(seed).double()
            total += float(product.sum())
            dtype = output.dtype if output.is_floating_point() or output.is_complex() else torch.float64
            noise += float(product.abs().sum()) * torch.finfo(dtype).eps
        return total, noise

    def _verdict(
        self,
        analytic: float,
        whole: tuple[float, float],
        half: tuple[float, float],
        dtype: torch.dtype,
        step: float,
    ) -> evaluation_pb2.GradientVerdict:
        tolerance = _TOLERANCES.get(dtype)
        if tolerance is None or not all(map(math.isfinite, (analytic, *whole, *half))):
            return _UNDECIDED
        rounding = 2 * _ROUNDING * self._noise / step
        coarse, numeric = sum(whole) / 2, sum(half) / 2
        allowed = tolerance * max(abs(analytic), abs(numeric)) + rounding
        gap, gap_of_half = abs(whole[1] - whole[0]), abs(half[1] - half[0])
        if gap_of_half > max(_KINK * gap, 2 * allowed):
            lowest, highest = sorted(half)
            inside = lowest - allowed <= analytic <= highest + allowed
            return _KINKED if inside else _DIFFERS
        if abs(analytic - numeric) <= allowed:
            return _AGREES
        # Where halving the step moves the difference by as much as is between the two, it has not settled.
        return _UNDECIDED if abs(coarse - numeric) > abs(analytic - numeric) / 4 else _DIFFERS


def _parts(tensor: torch.Tensor) -> torch.Tensor:
    """Views a tensor as ``[elements, parts]``, with one part for a real element and two for a complex one."""
    if tensor.is_complex():
        return torch.view_as_real(tensor.resolve_conj()).reshape(-1, 2)
    return tensor.reshape(-1, 1)


def _summary(point: torch.Tensor, found: list[_Found]) -> evaluation_pb2.GradientCheck:
    check = evaluation_pb2.GradientCheck(
        element_count=point.numel(),
        checked_count=len({each.probe.element for each in found}),
        verdict=_AGREES,
    )
    if not found:
        return check
    check.verdict = max((each.verdict for each in found), key=_ORDER.index)
    check.max_abs_error = _largest(each.absolute for each in found)
    check.max_rel_error = _largest(each.relative for each in found)
    # Of the elements that decide, the one that is furthest off.
    deciding = [each for each in found if each.verdict == check.verdict]
    worst = max(deciding, key=lambda each: math.inf if math.isnan(each.absolute) else each.absolute)
    check.worst.index.extend(element_index(worst.probe.element, point.shape))
    check.worst.is_imaginary = bool(worst.probe.part)
    check.worst.analytic = worst.analytic
    check.worst.numeric = worst.numeric
    return check


def _largest(errors: Iterator[float]) -> float:
    """Gives the largest number; NaN where there is one."""
    largest = 0.0
    for error in errors:
        if math.isnan(error):
            return math.nan
        largest = max(largest, error)
    return largest
