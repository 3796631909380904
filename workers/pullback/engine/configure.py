"""How torch behaves in a process that evaluates programs."""

from __future__ import annotations

import torch


def configure_torch() -> None:
    """Makes torch's results depend on nothing but its operands. Called once per process, before any operation.

    One thread: the order in which several would add up depends on how many there are, and a process that has run
    several cannot be forked. Deterministic algorithms, and memory filled before it is used, so that an operation
    that reads what nobody wrote gives the same NaN everywhere and never another tenant's data. Contraction orders
    are torch's own, whether or not a library that would choose others is installed.
    """
    torch.set_num_threads(1)
    if torch.get_num_interop_threads() != 1:  # torch lets it be set once only
        torch.set_num_interop_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]
    if torch.backends.opt_einsum.is_available():
        torch.backends.opt_einsum.set_flags(_enabled=False)  # type: ignore[no-untyped-call]
