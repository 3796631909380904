"""What a job must leave as it was: the settings of torch and Python that would change the next job's result.

No program can reach them; this is for the day on which one does. It runs after every batch, so each look takes a
tenth of a microsecond, and all of them about five.
"""

from __future__ import annotations

import gc
import sys
import warnings
from typing import TYPE_CHECKING

import torch
from torch.nn.modules import module

if TYPE_CHECKING:
    from collections.abc import Callable

_ONE, _HALF_ULP = 1.0, 2.0**-53
# Half the smallest normal number, made big again: to compare denormals would not tell, where they count as zero.
_SMALLEST, _HALF, _BIG = 2.0**-1022, 0.5, 2.0**100


def _arithmetic() -> tuple[float, ...]:
    """Computes what depends on how the processor rounds, and on whether it flushes denormals."""
    return _ONE + _HALF_ULP, -_ONE - _HALF_ULP, _ONE - _HALF_ULP / 2, _SMALLEST * _HALF * _BIG


def _hooks() -> tuple[object, ...]:
    """Gives what would be called beside or in place of an operation."""
    core = torch._C  # noqa: SLF001 - torch has no public way to ask
    return (
        core._len_torch_function_stack(),  # noqa: SLF001 - a default device is one of these
        core._len_torch_dispatch_stack(),  # noqa: SLF001
        core._autograd._top_saved_tensors_default_hooks(False),  # noqa: SLF001
        len(module._global_forward_hooks),  # noqa: SLF001
        len(module._global_backward_hooks),  # noqa: SLF001
    )


# Public functions of torch; mypy finds some of them untyped.
_READ: dict[str, Callable[[], object]] = {
    "default dtype": torch.get_default_dtype,
    "gradient mode": torch.is_grad_enabled,
    "inference mode": torch.is_inference_mode_enabled,
    "threads": torch.get_num_threads,
    "deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "deterministic warnings": torch.is_deterministic_algorithms_warn_only_enabled,
    "filling of memory": lambda: torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    "anomaly mode": torch.is_anomaly_enabled,
    "precision of products": torch.get_float32_matmul_precision,
    "autocast": lambda: torch.is_autocast_enabled("cpu"),
    "hooks": _hooks,
    "rounding": _arithmetic,
    "warnings": lambda: len(warnings.filters),
    "recursion": sys.getrecursionlimit,
    "collector": gc.isenabled,
}


class State:
    """Remembers how the process is, and tells what is different later."""

    def __init__(self) -> None:
        self._random = torch.default_generator.get_state()
        self._was = [read() for read in _READ.values()]

    def changes(self) -> str:
        """Names what is not as it was; empty where all is."""
        is_now = [read() for read in _READ.values()]
        same_random = torch.equal(torch.default_generator.get_state(), self._random)
        if is_now == self._was and same_random:
            return ""
        changed = [name for name, was, now in zip(_READ, self._was, is_now, strict=True) if was != now]
        return ", ".join(changed if same_random else [*changed, "global random numbers"])
