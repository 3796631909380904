"""What cannot be assigned."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pullback.contract.errors import ProgramError
    from pullback.contract.program.source import Source


def is_gradient_cleared(node: ast.stmt) -> bool:
    """Says whether a statement is ``x.grad = None``."""
    match node:
        case ast.Assign(targets=[ast.Attribute(attr="grad")], value=ast.Constant(value=None)):
            return True
    return False


def not_a_name(source: Source, target: ast.expr) -> ProgramError:
    """Makes the error for what stands left of ``=`` and is neither a name nor a tuple of names."""
    match target:
        case ast.Attribute(attr="requires_grad"):
            return source.fault(target, "attributes cannot be assigned; write x.requires_grad_(True)")
        case ast.Attribute(attr="grad"):
            return source.fault(target, "a gradient can only be cleared: x.grad = None")
        case ast.Subscript():
            return source.fault(
                target, "elements cannot be assigned, only names can; write torch.where or x.index_fill(...)"
            )
    return source.fault(target, "attributes cannot be assigned, only names can")
