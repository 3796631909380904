"""What is typed on the command line, as programs, names and tensors."""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from pullback.client import InvalidArgument, Spec, tensor

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from pullback.v1.tensor_pb2 import Tensor

# What a .npy file begins with, and what a .npz file, which is a zip, begins with.
_NPY = b"\x93NUMPY"
_ZIP = b"PK"

# What an input is, without a value: x:float32[64,3].
_SPEC = re.compile(r"(\w+):(\w+)\[([\d,\s]*)\]")


def read_program(text: str) -> str:
    """Gives the source text of ``-`` (standard input), ``@FILE`` or the text itself, without a byte order mark.

    Raises:
        typer.BadParameter: the file cannot be read as text.
    """
    if text == "-":
        return sys.stdin.read().removeprefix("\ufeff")
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{text[1:]}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{text[1:]}: {error}") from error


def read_names(texts: Iterable[str]) -> list[str]:
    """Gives the names of ``x,w`` and of options that are given several times."""
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def read_bindings(texts: Iterable[str]) -> dict[str, Tensor]:
    """Gives the tensors of ``NAME=VALUE`` and ``NAME:DTYPE=VALUE``, by name.

    A value is a number, a nested list of numbers, ``true``, ``false``, or ``@FILE.npy``. Numbers become
    float32 even without a point, since gradients are what the command is for; a file keeps its data type.

    Raises:
        typer.BadParameter: a text is none of these, or a name is there twice.
    """
    tensors: dict[str, Tensor] = {}
    for text in texts:
        target, equals, value = text.partition("=")
        name, _, dtype = target.partition(":")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
        if name in tensors:
            raise typer.BadParameter(f"{name} is given twice")
        try:
            tensors[name] = _tensor(value, dtype or None)
        except (InvalidArgument, OSError, ValueError) as error:
            raise typer.BadParameter(f"{target}: {error}") from error
    return tensors


def read_specs(texts: Iterable[str]) -> dict[str, Spec | Tensor]:
    """Gives what ``NAME:DTYPE[SIZES]`` says of a tensor, or else the tensor of ``NAME=VALUE``, by name.

    Raises:
        typer.BadParameter: a text is neither, or a name is there twice.
    """
    found: dict[str, Spec | Tensor] = {}
    for text in texts:
        match = _SPEC.fullmatch(text)
        if match is None:
            new: dict[str, Spec | Tensor] = {**read_bindings([text])}
        else:
            name, dtype, sizes = match.groups()
            new = {name: Spec(dtype, tuple(int(size) for size in sizes.split(",") if size.strip()))}
        if found.keys() & new.keys():
            raise typer.BadParameter(f"{text} gives a name twice")
        found |= new
    return found


def _tensor(text: str, dtype: str | None) -> Tensor:
    if text.startswith("@"):
        return tensor(_array(Path(text[1:])), dtype)
    value = _literal(text)
    return tensor(value, dtype or _default_dtype(value))


def _array(path: Path) -> NDArray[Any]:
    with path.open("rb") as file:
        magic = file.read(len(_NPY))
        file.seek(0)
        if magic.startswith(_ZIP):
            raise ValueError(f"{path} is an archive, as .npz files are; save its one array with numpy.save")
        if magic != _NPY:
            raise ValueError(f"{path} is not a .npy file, as numpy.save writes")
        array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def _default_dtype(value: object) -> str:
    kind = np.asarray(value).dtype.kind
    return {"b": "bool", "c": "complex64"}.get(kind, "float32")


def _literal(text: str) -> object:
    """Reads a number or a nested list, in JSON's syntax or Python's.

    `float` is there for ``nan`` and ``inf``, which the others know by other names or not at all.
    """
    value: object
    for parse in (int, float, json.loads, ast.literal_eval):
        try:
            value = parse(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return value
    raise ValueError(f"{text!r} is neither a number nor a list of numbers")
