"""What an op's key is bound to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

#: A callable that takes the op's operands, a method's receiver first, as `Signature` in the op table describes them.
Binding = Callable[..., Any]
