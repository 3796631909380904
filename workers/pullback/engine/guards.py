"""Operand values with which torch's native code ends the process, or never ends: refused before the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from pullback.engine.faults import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Highest power of a matrix. torch multiplies its way up to it, and does not come back from -2**63.
MAX_MATRIX_POWER = 64

# Highest order of a polygamma function, and highest dimension of a multivariate gamma function, which sums as
# many terms.
MAX_ORDER = 64


def _finite(arguments: Mapping[str, Any]) -> None:
    """LAPACK's routines may crash, or never converge, on NaN and infinities."""
    for name, value in arguments.items():
        if isinstance(value, torch.Tensor) and not bool(torch.isfinite(value).all()):
            raise Refused(f"`{name}` holds NaN or an infinity, which this operation cannot take")


def _quotient(arguments: Mapping[str, Any]) -> None:
    """The lowest integer divided by -1 does not fit its type: the processor traps."""
    dividend, divisor = arguments["input"], arguments["other"]
    if arguments.get("rounding_mode") != "trunc" or dividend.is_floating_point() or dividend.is_complex():
        return
    if dividend.dtype is torch.bool or not bool((dividend == torch.iinfo(dividend.dtype).min).any()):
        return
    if bool((divisor == -1).any()) if isinstance(divisor, torch.Tensor) else divisor == -1:
        raise Refused("the lowest integer divided by -1 does not fit its data type")


def _matrix_power(arguments: Mapping[str, Any]) -> None:
    _bounded("n", arguments["n"], -MAX_MATRIX_POWER, MAX_MATRIX_POWER)
    _finite(arguments)


def _order(arguments: Mapping[str, Any]) -> None:
    _bounded("n", arguments.get("n", 0), 0, MAX_ORDER)
    _bounded("p", arguments.get("p", 1), 1, MAX_ORDER)


def _bounded(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise Refused(f"`{name}` is from {low} to {high}, not {value}")


_LAPACK = (
    "cholesky",
    "cholesky_inverse",
    "cholesky_solve",
    "det",
    "inverse",
    "logdet",
    "pinverse",
    "slogdet",
    "svd",
)

#: key of the op table -> check of the arguments by name
GUARDS: Mapping[str, Callable[[Mapping[str, Any]], None]] = {
    **{f"{owner}.{name}": _finite for owner in ("torch", "Tensor") for name in _LAPACK},
    **{f"{owner}.{name}": _order for owner in ("torch", "Tensor") for name in ("mvlgamma", "polygamma")},
    **{f"{owner}.{name}": _quotient for owner in ("torch", "Tensor") for name in ("div", "divide")},
    **{f"{owner}.matrix_power": _matrix_power for owner in ("torch", "Tensor", "torch.linalg")},
    "torch.linalg.cholesky": _finite,
    "torch.linalg.cond": _finite,
    "torch.linalg.det": _finite,
    "torch.linalg.eig": _finite,
    "torch.linalg.eigh": _finite,
    "torch.linalg.eigvals": _finite,
    "torch.linalg.eigvalsh": _finite,
    "torch.linalg.inv": _finite,
    "torch.linalg.lu": _finite,
    "torch.linalg.lu_factor": _finite,
    "torch.linalg.matrix_rank": _finite,
    "torch.linalg.pinv": _finite,
    "torch.linalg.qr": _finite,
    "torch.linalg.slogdet": _finite,
    "torch.linalg.solve": _finite,
    "torch.linalg.svd": _finite,
    "torch.linalg.svdvals": _finite,
    "torch.linalg.tensorinv": _finite,
    "torch.linalg.tensorsolve": _finite,
    "torch.special.multigammaln": _order,
    "torch.special.polygamma": _order,
}
