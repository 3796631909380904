"""Names: which ones a program and its inputs may have, and what a dotted name stands for."""

from __future__ import annotations

import keyword
import math
import re
from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.contract.limits import DEFAULT_LIMITS
from pullback.contract.program.diagnose import nearest
from pullback.contract.program.ir import DTypeName
from pullback.contract.program.ops import OPS
from pullback.contract.tensors import BY_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.contract.limits import Limits

#: Names that begin a dotted name -> what they stand for.
ROOTS: Mapping[str, str] = MappingProxyType({"torch": "torch", "F": "torch.nn.functional", "math": "math"})

#: What an import can name.
MODULES = frozenset(
    {
        *ROOTS.values(),
        *(f"torch.{name}" for name in ("autograd", "fft", "linalg", "nn", "special")),
    }
)

#: Names that people use without importing them here -> what to do instead.
ABSENT: Mapping[str, str] = MappingProxyType(
    {
        "nn": "write import torch.nn as nn first",
        "np": "there is no numpy here; torch has the same functions",
        "numpy": "there is no numpy here; torch has the same functions",
        "optim": "there are no optimisers here; write the step out, as in w = w - 0.1 * g",
        "plt": "nothing can be drawn here",
    }
)

# Parts of torch that are classes with state -> what to write instead.
_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "torch.nn.": "layers with parameters of their own are classes; write F.linear(x, weight, bias) and its kin",
        "torch.optim.": ABSENT["optim"],
    }
)

#: Functions of Python that are called by a bare name.
BUILTINS = frozenset(key.removeprefix("builtins.") for key in OPS if key.startswith("builtins."))

#: Names that always mean the same, so that neither an assignment nor an input may take them.
RESERVED = frozenset(ROOTS) | BUILTINS | {"print"}

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)

_DTYPE_ALIASES = {
    "bool": "bool",
    "cdouble": "complex128",
    "cfloat": "complex64",
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "int": "int32",
    "long": "int64",
    "short": "int16",
}

#: Dotted name -> the literal that it stands for.
CONSTANTS: Mapping[str, float | DTypeName] = MappingProxyType(
    {
        f"{module}.{name}": getattr(math, name)
        for module in ("math", "torch")
        for name in ("e", "inf", "nan", "pi")
    }
    | {"math.tau": math.tau}
    | {f"torch.{name}": DTypeName(name) for name in BY_NAME}
    | {f"torch.{alias}": DTypeName(name) for alias, name in _DTYPE_ALIASES.items()}
)

# Where a name is looked for that its own module lacks.
_NEIGHBOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "torch": ("Tensor", "torch.linalg", "torch.nn.functional", "torch.special"),
        "torch.nn.functional": ("torch", "Tensor"),
        "Tensor": ("torch", "torch.nn.functional", "torch.linalg", "torch.special"),
        "math": ("torch",),
    }
)


def valid_name(name: str, limits: Limits = DEFAULT_LIMITS) -> str | None:
    """Says why an input or an assignment cannot have this name, or None where it can."""
    if len(name) > limits.name_chars:
        return f"has {len(name)} characters, but at most {limits.name_chars} are allowed"
    if not _IDENTIFIER.fullmatch(name):
        return "is not an ASCII letter followed by letters, digits and underscores"
    if keyword.iskeyword(name):
        return "is a keyword of Python"
    if name in RESERVED:
        return "is reserved for the language"
    return None


def hint(key: str) -> str:
    """Says why an unknown dotted name cannot be had, and what to write; empty where nothing is known of it."""
    for prefix, advice in _CLASSES.items():
        if key.startswith(prefix) and not key.startswith("torch.nn.functional."):
            return advice
    return ""


def similar(key: str) -> str:
    """Suggests what an unknown dotted name, or method ``Tensor.x``, was meant to be; empty where nothing is near."""
    prefix, _, last = key.rpartition(".")
    for other in _NEIGHBOURS.get(prefix, ()):
        if f"{other}.{last}" in OPS:
            return _written(other, last)
    siblings = (known.rpartition(".") for known in (*OPS, *CONSTANTS))
    near = nearest(last, [name for owner, _, name in siblings if owner == prefix])
    return _written(prefix, near) if near else ""


def _written(prefix: str, name: str) -> str:
    return f"x.{name}" if prefix == "Tensor" else f"{prefix}.{name}"
