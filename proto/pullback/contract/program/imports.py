"""Compiles imports. Nothing is loaded: an import says which name of the table a shorter name stands for."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from pullback.contract.program.diagnose import nearest, shown
from pullback.contract.program.names import CONSTANTS, MODULES, ROOTS, similar, valid_name
from pullback.contract.program.ops import OPS

if TYPE_CHECKING:
    from pullback.contract.program.expressions import Expressions
    from pullback.contract.program.source import Source


def compile_import(expressions: Expressions, node: ast.Import) -> None:
    """Compiles ``import torch`` and ``import torch.nn as nn``.

    Raises:
        ProgramError: a module that the language does not have, or a name that it cannot take.
    """
    check_import(expressions.source, node)
    for alias in node.names:
        if alias.asname is not None:
            _name_module(expressions, alias, alias.name, alias.asname)


def compile_import_from(expressions: Expressions, node: ast.ImportFrom) -> None:
    """Compiles ``from torch import sin``.

    Raises:
        ProgramError: a module or a name that the language does not have, or a name that it cannot take.
    """
    check_import(expressions.source, node)
    for alias in node.names:
        key = f"{node.module}.{alias.name}"
        name = alias.asname or alias.name
        if key in MODULES:
            _name_module(expressions, alias, key, name)
            continue
        reason = _why_not(expressions, name)
        if reason is not None and f"builtins.{name}" not in OPS:
            raise expressions.source.fault(alias, f"{shown(name)} cannot be imported: it {reason}")
        expressions.imported[name] = key


def check_import(source: Source, node: ast.Import | ast.ImportFrom) -> None:
    """Checks what is imported, but not the names that it gets.

    Raises:
        ProgramError: a module or a name that the language does not have.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name not in MODULES:
                raise source.fault(
                    alias,
                    f"there is no module {shown(alias.name)} here; imports are `import torch`, `import math`, "
                    "`import torch.nn.functional as F` and `from torch import ...`",
                    nearest(alias.name, MODULES),
                )
        return
    if node.module not in MODULES or node.level:
        raise source.fault(node, f"nothing can be imported from {shown(node.module or '.')}, only from torch")
    for alias in node.names:
        key = f"{node.module}.{alias.name}"
        if key not in MODULES and key not in OPS and key not in CONSTANTS:
            raise source.fault(alias, f"{shown(key)} is not part of the language", similar(key))


def _name_module(expressions: Expressions, alias: ast.alias, module: str, name: str) -> None:
    if ROOTS.get(name) == module:
        return  # it always means that
    reason = _why_not(expressions, name)
    if reason is not None:
        raise expressions.source.fault(alias, f"{shown(name)} cannot be a module's name: it {reason}")
    expressions.modules[name] = module


def _why_not(expressions: Expressions, name: str) -> str | None:
    if name in expressions.builder.names or name in expressions.functions:
        return "has a value already"
    return valid_name(name, expressions.limits)
