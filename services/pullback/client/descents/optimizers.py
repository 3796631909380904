"""The optimisers of `torch.optim`, by torch's names and with its defaults. No I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument

if TYPE_CHECKING:
    from pullback.v1 import optimization_pb2 as pb


@dataclass(frozen=True, slots=True, kw_only=True)
class SGD:
    """Gradient descent, with momentum where it is wanted.

    Attributes:
        lr: the step size, above 0.
        momentum: the part of the last update that the next one keeps.
        dampening: the part of the gradient that momentum leaves out.
        weight_decay: the factor of the parameters that is added to the gradient.
        nesterov: whether momentum is Nesterov's.
    """

    lr: float = 1e-3
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Adam:
    """Adam: steps by running means of gradients and of their squares.

    Attributes:
        lr: the step size, above 0.
        betas: the decays of the two means, each from 0 to below 1.
        eps: what is added to the denominator.
        weight_decay: the factor of the parameters that is added to the gradient.
        amsgrad: whether the largest mean of squares so far counts.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdamW:
    """Adam with a decay of the parameters that does not go through the gradient.

    Attributes:
        lr: the step size, above 0.
        betas: the decays of the two means, each from 0 to below 1.
        eps: what is added to the denominator.
        weight_decay: the decay of the parameters, in units of the learning rate.
        amsgrad: whether the largest mean of squares so far counts.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 1e-2
    amsgrad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RMSprop:
    """RMSprop: gradients divided by the root of their running mean square.

    Attributes:
        lr: the step size, above 0.
        alpha: the decay of the mean square, from 0 to 1.
        eps: what is added to the denominator.
        weight_decay: the factor of the parameters that is added to the gradient.
        momentum: the part of the last update that the next one keeps.
        centered: whether the mean of gradients is taken off.
    """

    lr: float = 1e-2
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    momentum: float = 0.0
    centered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Adagrad:
    """Adagrad: gradients divided by the root of the sum of their squares so far.

    Attributes:
        lr: the step size, above 0.
        lr_decay: the decay of the learning rate.
        weight_decay: the factor of the parameters that is added to the gradient.
        initial_accumulator_value: what the sum of squares begins with.
        eps: what is added to the denominator.
    """

    lr: float = 1e-2
    lr_decay: float = 0.0
    weight_decay: float = 0.0
    initial_accumulator_value: float = 0.0
    eps: float = 1e-10


@dataclass(frozen=True, slots=True, kw_only=True)
class LBFGS:
    """Limited-memory BFGS. A step is one `step()` of torch's: up to `max_iter` iterations.

    Attributes:
        lr: the length of an iteration in units of its direction.
        max_iter: the most iterations in a step, from 1 to 1,000.
        max_eval: the most runs of the program in a step; None for `max_iter` times 1.25.
        tolerance_grad: a step ends where no element of the gradient is larger.
        tolerance_change: a step ends where parameters or loss change by less.
        history_size: the iterations that are remembered, from 1 to 1,000.
        line_search_fn: ``"strong_wolfe"``, or None for none.
    """

    lr: float = 1.0
    max_iter: int = 20
    max_eval: int | None = None
    tolerance_grad: float = 1e-7
    tolerance_change: float = 1e-9
    history_size: int = 100
    line_search_fn: str | None = None


#: Any of them.
Optimizer = SGD | Adam | AdamW | RMSprop | Adagrad | LBFGS

#: By the names of the wire, which the command line takes too.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD, "adam": Adam, "adamw": AdamW, "rmsprop": RMSprop, "adagrad": Adagrad, "lbfgs": LBFGS,
}  # fmt: skip


def write_optimizer(message: pb.Optimizer, optimizer: Optimizer | str) -> None:
    """Fills an empty message.

    Raises:
        InvalidArgument: there is no such optimiser, or a number of it cannot be sent.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise InvalidArgument(f"{optimizer!r} is none of {', '.join(OPTIMIZERS)}", field="optimizer")
        optimizer = OPTIMIZERS[optimizer]()
    kinds = {kind: name for name, kind in OPTIMIZERS.items()}
    if type(optimizer) not in kinds:
        raise InvalidArgument(f"a {type(optimizer).__name__} is no optimiser", field="optimizer")
    try:
        _write(getattr(message, kinds[type(optimizer)]), optimizer)
    except (TypeError, ValueError) as error:
        name = kinds[type(optimizer)]
        raise InvalidArgument(f"{name} cannot be sent: {error}", field="optimizer") from error


def _write(options: object, optimizer: Optimizer) -> None:
    names = [name for name in type(optimizer).__slots__ if name not in {"lr", "betas", "line_search_fn"}]
    for name in names:
        if (value := getattr(optimizer, name)) is not None:
            setattr(options, name, value)
    options.learning_rate = optimizer.lr  # type: ignore[attr-defined]  # every message of an optimiser has it
    if isinstance(optimizer, (Adam, AdamW)):
        options.beta1, options.beta2 = optimizer.betas  # type: ignore[attr-defined]  # as have both of these
    if isinstance(optimizer, LBFGS):
        if optimizer.line_search_fn not in {None, "strong_wolfe"}:
            raise ValueError(f"line_search_fn is 'strong_wolfe' or None, not {optimizer.line_search_fn!r}")
        options.strong_wolfe = optimizer.line_search_fn is not None  # type: ignore[attr-defined]  # and this one
