"""The op table's keys bound to torch: the only way from a program to a torch function.

Each row names a Python object literally, so a function that torch lacks fails the import, and no string is looked up.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pullback.engine.bindings.autograd import AUTOGRAD
from pullback.engine.bindings.fields import FIELDS
from pullback.engine.bindings.functional import FUNCTIONAL
from pullback.engine.bindings.linear_algebra import LINEAR_ALGEBRA
from pullback.engine.bindings.operators import OPERATORS
from pullback.engine.bindings.plain_numbers import PLAIN_NUMBERS
from pullback.engine.bindings.pointwise_functions import POINTWISE_FUNCTIONS
from pullback.engine.bindings.pointwise_methods import POINTWISE_METHODS
from pullback.engine.bindings.random import RANDOM
from pullback.engine.bindings.reductions import REDUCTIONS
from pullback.engine.bindings.shape_functions import SHAPE_FUNCTIONS
from pullback.engine.bindings.shape_methods import SHAPE_METHODS
from pullback.engine.bindings.special import SPECIAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.engine.bindings.binding import Binding

__all__ = ["BINDINGS"]

_GROUPS = (
    AUTOGRAD,
    FIELDS,
    FUNCTIONAL,
    LINEAR_ALGEBRA,
    OPERATORS,
    PLAIN_NUMBERS,
    POINTWISE_FUNCTIONS,
    POINTWISE_METHODS,
    RANDOM,
    REDUCTIONS,
    SHAPE_FUNCTIONS,
    SHAPE_METHODS,
    SPECIAL,
)

#: key of the op table -> callable
BINDINGS: Mapping[str, Binding] = MappingProxyType(
    {key: row for group in _GROUPS for key, row in group.items()}
)
