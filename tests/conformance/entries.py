"""Corpora of programs: JSON lines, one program each, and the messages that they stand for.

`tests/vectors/programs/README.md` describes the fields.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from pullback.contract.tensors import BY_NAME, write
from pullback.v1 import evaluation_pb2, gradient_pb2, tensor_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

# JSON has no numbers that are not finite.
_NOT_FINITE = {"NaN": np.nan, "Infinity": np.inf, "-Infinity": -np.inf}

# A data type that is none, for the names that the wire has no code for.
_UNKNOWN_DTYPE = 99

# What only describes a tensor of another wire format than ours.
_FOREIGN_KEYS = frozenset({"fill", "strides", "storage_offset", "layout"})


class NotExpressible(Exception):
    """The wire format has no way to say what the entry says, so nothing can be tested with it."""


@final
@dataclass(frozen=True)
class Entry:
    """One line of a corpus.

    Attributes:
        id: its name.
        source: the program's text.
        fields: everything that the line holds.
    """

    id: str
    source: str
    fields: dict[str, Any]

    @property
    def hostile(self) -> bool:
        """Whether it must be refused."""
        return "expect" in self.fields

    @property
    def allowed(self) -> frozenset[str]:
        """The names of the statuses that it may be refused with."""
        return frozenset({self.fields["expect"], *self.fields.get("also_ok", ())})

    def wrt(self) -> list[str]:
        """Names what to differentiate with respect to."""
        names = list(self.fields.get("wrt", ()))
        if generated := self.fields.get("wrt_gen"):
            names += [generated["name"]] * generated["count"]
        return names

    def inputs(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Gives the inputs' names and tensors, generated ones included."""
        yield from self.fields.get("inputs", {}).items()
        if generated := self.fields.get("inputs_gen"):
            stem = "".join(text * count for text, count in generated.get("name_parts", ()))
            for index in range(generated["count"]):
                name = stem or f"{generated['prefix']}{index}"
                yield name, generated["spec"]


def read(path: Path) -> list[Entry]:
    """Reads a corpus."""
    return [
        _entry(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
    ]


def _entry(fields: dict[str, Any]) -> Entry:
    source = fields.get("program")
    if source is None:
        source = "".join(text * count for text, count in fields.get("program_parts", ()))
    return Entry(fields["id"], source, fields)


def array(spec: dict[str, Any]) -> NDArray[np.generic]:
    """Makes the array that a tensor of a corpus stands for; bfloat16 as float32.

    Raises:
        NotExpressible: it stands for no array.
    """
    row = BY_NAME.get(spec["dtype"])
    if row is None:
        raise NotExpressible(f"no data type {spec['dtype']}")
    target: np.dtype[Any] = np.dtype("<f4") if row.name == "bfloat16" else row.numpy
    try:
        if target.kind == "c":
            items = [
                complex(*map(_number, item)) if isinstance(item, list) else _number(item)
                for item in spec["data"]
            ]
        else:
            items = [_number(item) for item in spec["data"]]
        return np.array(items, dtype=target).reshape(spec["shape"])
    except (TypeError, ValueError, OverflowError) as error:
        raise NotExpressible(str(error)) from error


def _number(item: Any) -> Any:
    return _NOT_FINITE[item] if isinstance(item, str) else item


def tensor(spec: dict[str, Any]) -> tensor_pb2.Tensor:
    """Writes a tensor as the corpus has it, right or wrong.

    Raises:
        NotExpressible: the wire format cannot say it.
    """
    if _FOREIGN_KEYS & spec.keys():
        raise NotExpressible("strides, offsets and layouts have no field")
    message = tensor_pb2.Tensor()
    row = BY_NAME.get(spec["dtype"]) if isinstance(spec["dtype"], str) else None
    try:
        code = spec["dtype"] if isinstance(spec["dtype"], int) else row.code if row else _UNKNOWN_DTYPE
        message.dtype = code  # type: ignore[assignment]  # unknown codes are what is tested
        message.shape.extend(spec["shape"])
        if "raw_b64" in spec:
            message.data = base64.b64decode(spec["raw_b64"])
        elif spec["data"] is not None:
            message.data = _bytes(spec["data"], row.name if row else "float32")
    except (TypeError, ValueError, OverflowError) as error:
        raise NotExpressible(str(error)) from error
    return message


def _bytes(data: list[Any], dtype: str) -> bytes:
    if any(isinstance(item, list) for item in data) and not dtype.startswith("complex"):
        raise NotExpressible("elements are not nested")
    # Booleans travel as bytes, and a byte may be wrong.
    name = "uint8" if dtype == "bool" else dtype
    flat = array({"dtype": name, "shape": [len(data)], "data": data})
    if dtype == "bfloat16":
        bits = flat.view("<u4").astype(np.uint64)
        return (
            ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()
        )  # to the nearest, ties to even
    message = tensor_pb2.Tensor()
    write(message, flat)
    return message.data


def evaluation(entry: Entry, value: NDArray[np.generic] | None = None) -> evaluation_pb2.Evaluation:
    """Writes the evaluation that an entry stands for.

    Args:
        entry: the entry.
        value: what the output is expected to be, where it is known. One that is not a single number is
            differentiated with a cotangent of ones.

    Raises:
        NotExpressible: the wire format cannot say it.
    """
    message = evaluation_pb2.Evaluation()
    try:
        message.program = entry.source
        message.outputs.extend(entry.fields.get("outputs", [entry.fields["output"]]))
        message.wrt.extend(entry.wrt())
        for name, spec in entry.inputs():
            message.inputs[name].CopyFrom(tensor(spec))
        for name, spec in entry.fields.get("cotangents", {}).items():
            message.cotangents[name].CopyFrom(tensor(spec))
    except (TypeError, ValueError) as error:  # text that UTF-8 cannot hold
        raise NotExpressible(str(error)) from error
    mode = entry.fields.get("mode", "grad")
    if not message.wrt:
        message.value_only.SetInParent()
    elif value is not None and value.size != 1 and mode == "grad":
        write(message.cotangents[entry.fields["output"]], np.ones_like(value))
    return message


def request(entry: Entry, seconds: float) -> bytes:
    """Writes the request of a hostile entry, in the very bytes where it gives them.

    Raises:
        NotExpressible: the wire format cannot say it.
    """
    if "request_b64" in entry.fields:
        return base64.b64decode(entry.fields["request_b64"])
    message = evaluation(entry)
    message.timeout.FromMilliseconds(int(seconds * 1000))
    return gradient_pb2.EvaluateRequest(evaluation=message).SerializeToString()
