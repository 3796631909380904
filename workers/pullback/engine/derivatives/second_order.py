"""Derivatives behind the gradient: Hessians, products with them, their traces, and derivatives of any order.

The gradient is computed once, with a graph of its own behind it, and differentiated as any output is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from pullback.contract.errors import InvalidArgument
from pullback.engine.derivatives.found import Block, Found
from pullback.engine.derivatives.gradient import sort_out
from pullback.engine.derivatives.reverse_pass import ReversePass, join
from pullback.engine.derivatives.seeds import check_seed, find_seeds, is_tracked
from pullback.engine.derivatives.unit_rows import unit_rows
from pullback.engine.outputs import check_result_bytes
from pullback.engine.wire import describe_tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.engine.derivatives.reverse_pass import Gradients
    from pullback.engine.meter import Meter
    from pullback.engine.stage import Stage


@dataclass
class _First:
    """The gradients, ready to be differentiated.

    Attributes:
        name: the output that errors name.
        output: the name of what is differentiated; empty where that is of several outputs.
        leaves: with respect to what, by name: those that have a gradient.
        gradients: the same, each with a graph behind it where it is no constant.
        found: the gradients as they are returned, and which are absent.
    """

    name: str
    output: str
    leaves: dict[str, torch.Tensor]
    gradients: dict[str, torch.Tensor]
    found: Found


def _first(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> _First:
    seeds = find_seeds(stage, outputs, leaves)
    given = [seed.output for seed in seeds.values()]
    reverse = ReversePass(stage, meter, next(iter(seeds)), given, [*leaves.values()])
    gradients = reverse.once([seed.cotangent for seed in seeds.values()], create_graph=True)
    found = sort_out(leaves, gradients)
    graphs = dict(found.gradients)
    found.gradients = {name: gradient.detach() for name, gradient in graphs.items()}
    return _First(
        name=next(iter(seeds)),
        output="" if stage.request.cotangents else next(iter(seeds)),
        leaves={name: leaves[name] for name in graphs},
        gradients=graphs,
        found=found,
    )


def find_hessian(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the gradient and all second derivatives, in blocks."""
    elements = sum(leaf.numel() for leaf in leaves.values())
    size = max((leaf.element_size() for leaf in leaves.values()), default=0)
    check_result_bytes(elements**2 * size, stage.limits)
    first = _first(stage, leaves, outputs, meter)
    for row, gradient in first.gradients.items():
        blocks = _rows(first, row, stage, meter)
        for (column, leaf), rows in zip(first.leaves.items(), blocks, strict=True):
            shape = (*gradient.shape, *leaf.shape)
            tensor = gradient.new_zeros(shape) if rows is None else rows.reshape(shape)
            first.found.blocks.append(Block(first.output, (row, column), tensor.detach()))
    return first.found


def _rows(first: _First, row: str, stage: Stage, meter: Meter) -> Gradients:
    gradient = first.gradients[row]
    reverse = ReversePass(stage, meter, first.name, [gradient], [*first.leaves.values()])
    return join([*reverse.parts(gradient.numel(), unit_rows(gradient))], len(first.leaves))


def find_products(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the gradient, and the Hessian times the tangents: the gradient's change along them."""
    request = stage.request
    tangents: dict[str, torch.Tensor] = {}
    for name in request.tangents:
        path = f'tangents["{name}"]'
        if name not in leaves:
            raise InvalidArgument(f"`{name}` is not differentiated with respect to", field=path)
        tangents[name] = stage.read(request.tangents[name])
        check_seed(path, name, leaves[name], tangents[name], request.stack)
    check_result_bytes(max(1, request.stack) * sum(leaf.nbytes for leaf in leaves.values()), stage.limits)
    first = _first(stage, leaves, outputs, meter)
    moving = {name: gradient for name, gradient in first.gradients.items() if name in tangents}
    # The Hessian is symmetric: its product with the tangents is that of the tangents with it, one backward pass.
    reverse = ReversePass(stage, meter, first.name, [*moving.values()], [*first.leaves.values()])
    seeds = [tangents[name] for name in moving]
    none: Gradients = (None,) * len(first.leaves)
    products = none
    if seeds:
        products = reverse.stack(seeds) if request.stack else reverse.once(seeds)
    for (name, leaf), product in zip(first.leaves.items(), products, strict=True):
        shape = (request.stack, *leaf.shape) if request.stack else leaf.shape
        first.found.products[name] = leaf.new_zeros(shape) if product is None else product.detach()
    return first.found


def find_laplacian(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes the gradient, and the trace of the Hessian without keeping more of it than some rows."""
    first = _first(stage, leaves, outputs, meter)
    output = outputs[first.output]
    total = torch.zeros_like(output).detach()
    for name, gradient in first.gradients.items():
        reverse = ReversePass(stage, meter, first.name, [gradient], [first.leaves[name]])
        for part in reverse.parts(gradient.numel(), unit_rows(gradient), kept=False):
            (rows,) = part.gradients
            if rows is not None:
                flat = rows.detach().reshape(part.stop - part.start, -1)
                total += flat.diagonal(part.start).sum().to(total.dtype)
    first.found.laplacian = total
    return first.found


def find_nth_derivatives(
    stage: Stage, leaves: Mapping[str, torch.Tensor], outputs: Mapping[str, torch.Tensor], meter: Meter
) -> Found:
    """Computes, by each leaf of one element, the derivative as often as the order says."""
    for name, leaf in leaves.items():
        if leaf.numel() != 1:
            raise InvalidArgument(
                f"`{name}` is {describe_tensor(leaf)}, but an n-th derivative is by a single element; name others in "
                "wrt, or ask for a Hessian",
                field=stage.request.wrt_field(name) if name in stage.request.wrt else "wrt",
            )
    first = _first(stage, leaves, outputs, meter)
    for name, gradient in first.gradients.items():
        leaf, derivative = first.leaves[name], gradient
        for further in range(stage.request.order - 2, -1, -1):
            if not is_tracked(derivative):
                derivative = torch.zeros_like(leaf).detach()
                break
            reverse = ReversePass(stage, meter, first.name, [derivative], [leaf])
            (found,) = reverse.once([torch.ones_like(derivative)], create_graph=further > 0)
            derivative = torch.zeros_like(leaf).detach() if found is None else found
        first.found.blocks.append(Block(first.output, (name,), derivative.detach()))
    return first.found
