"""Where NaN and infinity came up, as callers read it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from pullback.v1 import evaluation_pb2 as pb

_KINDS: dict[int, str] = {pb.ANOMALY_KIND_NAN: "nan", pb.ANOMALY_KIND_INFINITY: "infinity"}
_PASSES: dict[int, str] = {
    pb.ANOMALY_PASS_GIVEN: "given",
    pb.ANOMALY_PASS_FORWARD: "forward",
    pb.ANOMALY_PASS_BACKWARD: "backward",
}


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Where NaN, or infinity, first came up.

    Attributes:
        kind: ``nan`` or ``infinity``.
        where: ``given`` for what came with the evaluation, ``forward`` for what the program made, ``backward`` for a
            gradient.
        line: of the call that made it, or whose derivative did, from 1; 0 for what was given.
        column: of that call, in characters, from 1; 0 for what was given.
        op: the call's operation, by its name in the op reference; empty for what was given.
        index: of the first such element.
        value: the element.
        field: what was given, such as ``inputs["x"]``; else empty.
        node: the backward function that made it; else empty.
        message: the same in words, with the line of the program and a caret below it.
    """

    kind: str
    where: str
    line: int
    column: int
    op: str
    index: tuple[int, ...]
    value: float
    field: str
    node: str
    message: str

    def __str__(self) -> str:
        return self.message


def read_anomaly(message: pb.Anomaly) -> Anomaly:
    """Reads a message."""
    return Anomaly(
        kind=_KINDS.get(message.kind, "unknown"),
        where=_PASSES.get(getattr(message, "pass"), "unknown"),  # a word of Python's
        line=message.line,
        column=message.column,
        op=message.op,
        index=tuple(message.index),
        value=message.value,
        field=message.field,
        node=message.node,
        message=message.message,
    )
