"""Where NaN and infinity first come up: looked for behind every call, and behind every node of a backward pass.

The first of each is told: an infinity may be meant, as a mask's is, and a NaN is then what matters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from pullback.contract.program.diagnose import fault
from pullback.engine.faults import spoken
from pullback.engine.values import describe_operands, element_index
from pullback.engine.wire import describe_tensor
from pullback.v1 import evaluation_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch.autograd.graph import Node

    from pullback.contract.program.ir import Call

_KINDS: tuple[tuple[pb.AnomalyKind, str, Callable[[torch.Tensor], torch.Tensor]], ...] = (
    (pb.ANOMALY_KIND_NAN, "NaN", torch.isnan),
    (pb.ANOMALY_KIND_INFINITY, "infinity", torch.isinf),
)


class Watch:
    """Looks for what is not finite.

    Args:
        source: the program's text.

    Attributes:
        found: the first NaN and the first infinity, in the order in which they came up.
    """

    def __init__(self, source: str) -> None:
        self.found: list[pb.Anomaly] = []
        self._source = source
        self._missing = dict.fromkeys(kind for kind, _, _ in _KINDS)

    def look_at_given(self, field: str, tensors: Mapping[str, torch.Tensor]) -> None:
        """Looks at what came with the evaluation.

        Args:
            field: ``inputs``, ``cotangents`` or ``tangents``.
            tensors: by name.
        """
        for name, tensor in tensors.items():
            for kind, word, index in self._new(tensor):
                path = f'{field}["{name}"]'
                self._add(
                    kind, pb.ANOMALY_PASS_GIVEN, index, tensor, f"{path} has {word}{_at(index)}", field=path
                )

    def look_at_result(self, call: Call, operands: tuple[object, ...], value: object) -> None:
        """Looks at what a call has made."""
        for tensor in _tensors(value):
            for kind, word, index in self._new(tensor):
                subject = f"`{spoken(call.op)}`"
                if operands:
                    subject += f" on {describe_operands(operands)}"
                text = f"{subject} gave {word}{_at(index)} of {describe_tensor(tensor)}"
                self._add(kind, pb.ANOMALY_PASS_FORWARD, index, tensor, text, call)

    def follow(self, node: Node, call: Call) -> None:
        """Has the gradients looked at that a node will compute."""
        name = type(node).__name__

        def look(gradients: tuple[torch.Tensor | None, ...], _: object) -> None:
            for number, gradient in enumerate(gradients):
                if gradient is not None:
                    for kind, word, index in self._new(gradient):
                        text = (
                            f"`{spoken(call.op)}`: in the backward pass, {name} gave {word}{_at(index)} of the "
                            f"gradient by its operand {number}, {describe_tensor(gradient)}"
                        )
                        self._add(kind, pb.ANOMALY_PASS_BACKWARD, index, gradient, text, call, node=name)

        node.register_hook(look)

    def _new(self, tensor: torch.Tensor) -> Iterator[tuple[pb.AnomalyKind, str, list[int]]]:
        """Finds the first element of each kind that has not come up so far."""
        if not self._missing or not (tensor.is_floating_point() or tensor.is_complex()) or tensor.is_meta:
            return
        plain = tensor.detach()
        if torch.isfinite(plain).all():
            return
        for kind, word, test in _KINDS:
            if kind in self._missing and (places := test(plain)).any():
                first = int(places.flatten().to(torch.uint8).argmax())
                yield kind, word, element_index(first, tensor.shape)

    def _add(  # noqa: PLR0917 - the fields of the message
        self,
        kind: pb.AnomalyKind,
        when: pb.AnomalyPass,
        index: list[int],
        tensor: torch.Tensor,
        text: str,
        call: Call | None = None,
        *,
        field: str = "",
        node: str = "",
    ) -> None:
        self._missing.pop(kind)
        anomaly = pb.Anomaly(kind=kind, index=index, message=text, field=field, node=node)
        setattr(anomaly, "pass", when)  # a word of Python's
        element = tensor.detach()[tuple(index)].item()
        numbers = (element.real, element.imag) if isinstance(element, complex) else (element,)
        wrong = [number for number in numbers if number - number != 0]
        anomaly.value = wrong[0] if wrong else numbers[0]
        if call is not None:
            anomaly.line, anomaly.column, anomaly.op = call.place.line, call.place.column, call.op
            anomaly.message = fault(self._source, call.place, text).message
        self.found.append(anomaly)


def _tensors(value: object) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)


def _at(index: list[int]) -> str:
    return f" at [{', '.join(map(str, index))}]" if index else ""
