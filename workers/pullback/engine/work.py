"""How much arithmetic a call is: multiplications and element visits, from the operands that it is given.

By default a call visits each element that it is given and each that it makes, once. Here are the rules of those that
do more. The unit is coarse on purpose: a multiplication within a product takes a processor less than a nanosecond, a
visit from one to ten. A rule has to tell what ends within seconds from what does not end.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from pullback.contract.program.ops import OPS
from pullback.engine.sizes_products import contraction, inner_size, kernel_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    #: From the arguments by name, the elements of all of them, and the elements that the call makes.
    Rule = Callable[[Mapping[str, Any], int, int], int]

# Terms of the series or continued fraction behind a special function, about.
SPECIAL_TERMS = 30

# Multiplications of an n by n decomposition, in units of n**3, about: LAPACK's own counts, rounded up.
ONCE, INVERSE, ORTHOGONAL, SINGULAR, EIGEN = 1, 2, 4, 20, 25

# Products that a matrix exponential takes: its series, and as many squarings as its norm asks for at most.
EXPONENTIAL = 40

# Multiplications of a Fourier transform, in units of n log n.
FOURIER = 5


def _product(name: str) -> Rule:
    """Each element made is a sum of as many products as the dimension `name` ends in."""
    return lambda arguments, _, made: made * max(1, inner_size(arguments[name]))


def _tensordot(arguments: Mapping[str, Any], given: int, made: int) -> int:
    # The elements of both operands are rows times sums and sums times columns; what is made is rows times columns.
    left, right = int(arguments["a"].numel()), int(arguments["b"].numel())
    return math.isqrt(left * right * max(1, made)) + given


def _einsum(arguments: Mapping[str, Any], given: int, made: int) -> int:
    return contraction(arguments["equation"], arguments["operands"]).work + given + made


def _chain(name: str) -> Rule:
    def work(arguments: Mapping[str, Any], given: int, _: int) -> int:
        matrices = [matrix for matrix in arguments[name] if matrix.dim()]
        widest = max((max(matrix.shape) for matrix in matrices), default=1)
        return given * int(widest)

    return work


def _bilinear(arguments: Mapping[str, Any], _: int, made: int) -> int:
    return made * max(1, inner_size(arguments["input2"]))


def _attention(arguments: Mapping[str, Any], _: int, made: int) -> int:
    return 2 * made * max(1, inner_size(arguments["query"]), inner_size(arguments["value"]))


def _distance(name: str) -> Rule:
    return lambda arguments, _, made: 2 * made * max(1, inner_size(arguments[name]))


def _covariance(arguments: Mapping[str, Any], given: int, made: int) -> int:
    return made * max(1, inner_size(arguments["input"])) + given


def _convolution(arguments: Mapping[str, Any], _: int, made: int) -> int:
    weight = arguments["weight"]
    return made * int(weight[0].numel()) if weight.dim() and weight.shape[0] else 0


def _transposed_convolution(arguments: Mapping[str, Any], _: int, __: int) -> int:
    weight = arguments["weight"]
    each = int(weight.numel()) // max(1, int(weight.shape[0])) if weight.dim() else 0
    return int(arguments["input"].numel()) * each


def _decomposition(factor: int) -> Rule:
    def work(arguments: Mapping[str, Any], given: int, made: int) -> int:
        matrices = [
            value for value in arguments.values() if isinstance(value, torch.Tensor) and value.dim() > 1
        ]
        if not matrices:
            return given + made
        shorter = max(min(int(each.shape[-2]), int(each.shape[-1])) for each in matrices)
        return factor * shorter * max(given, made)

    return work


def _matrix_power(arguments: Mapping[str, Any], given: int, _: int) -> int:
    power = abs(int(arguments["n"]))
    inverse = INVERSE if arguments["n"] < 0 else 0
    return given * inner_size(_matrix(arguments)) * (2 * power.bit_length() + inverse)


def _matrix_exponential(arguments: Mapping[str, Any], given: int, _: int) -> int:
    return EXPONENTIAL * given * inner_size(_matrix(arguments))


def _matrix(arguments: Mapping[str, Any]) -> torch.Tensor:
    return next(value for value in arguments.values() if isinstance(value, torch.Tensor))


def _norm(arguments: Mapping[str, Any], given: int, made: int) -> int:
    """A spectral or nuclear norm is a singular value decomposition; others visit elements."""
    order = arguments.get("ord", arguments.get("p"))
    if order == "nuc" or (isinstance(order, (int, float)) and abs(order) == 2):
        return _decomposition(SINGULAR)(arguments, given, made)
    return 2 * (given + made)


def _sorting(_: Mapping[str, Any], given: int, made: int) -> int:
    return given * max(1, given.bit_length()) + made


def _searching(_: Mapping[str, Any], given: int, made: int) -> int:
    return (given + made) * max(1, given.bit_length())


def _fourier(_: Mapping[str, Any], given: int, made: int) -> int:
    length = max(given, made)
    return FOURIER * length * max(1, length.bit_length())


def _pooling(arguments: Mapping[str, Any], given: int, made: int) -> int:
    kernel = arguments["kernel_size"]
    sizes = kernel if isinstance(kernel, (list, tuple)) else [kernel] * _pooled_axes(arguments)
    # With a stride of one, each element is visited once for each place of the kernel.
    return given + made * max(1, math.prod(max(1, int(each)) for each in sizes))


def _pooled_axes(arguments: Mapping[str, Any]) -> int:
    return max(1, int(arguments["input"].dim()) - 1)


def _times(factor: int) -> Rule:
    return lambda _, given, made: factor * (given + made)


def _orders(name: str) -> Rule:
    return lambda arguments, given, made: (
        (given + made) * SPECIAL_TERMS * (1 + abs(int(arguments.get(name, 1))))
    )


_BY_NAME: Mapping[str, Rule] = {
    "addbmm": _product("batch1"),
    "addmm": _product("mat1"),
    "addmv": _product("mat"),
    "argsort": _sorting,
    "baddbmm": _product("batch1"),
    "bmm": _product("input"),
    "bucketize": _searching,
    "cdist": _distance("x1"),
    "chain_matmul": _chain("matrices"),
    "corrcoef": _covariance,
    "cov": _covariance,
    "einsum": _einsum,
    "inner": _product("input"),
    "kthvalue": _sorting,
    "linear": _product("input"),
    "matmul": _product("input"),
    "matrix_exp": _matrix_exponential,
    "matrix_power": _matrix_power,
    "median": _sorting,
    "mm": _product("input"),
    "msort": _sorting,
    "multi_dot": _chain("tensors"),
    "mv": _product("input"),
    "nanmedian": _sorting,
    "nanquantile": _sorting,
    "pdist": _distance("input"),
    "quantile": _sorting,
    "scaled_dot_product_attention": _attention,
    "searchsorted": _searching,
    "sort": _sorting,
    "tensordot": _tensordot,
    "topk": _sorting,
    "unique": _sorting,
    "unique_consecutive": _sorting,
    **dict.fromkeys(("matrix_norm", "norm"), _norm),
    **dict.fromkeys(
        ("cholesky", "cholesky_solve", "det", "logdet", "lu", "lu_factor", "lu_solve"), _decomposition(ONCE)
    ),
    **dict.fromkeys(("slogdet", "solve", "solve_triangular", "tensorsolve"), _decomposition(ONCE)),
    **dict.fromkeys(("cholesky_inverse", "inv", "inverse", "tensorinv"), _decomposition(INVERSE)),
    **dict.fromkeys(("householder_product", "qr"), _decomposition(ORTHOGONAL)),
    **dict.fromkeys(("cond", "matrix_rank", "pinv", "pinverse", "svd", "svdvals"), _decomposition(SINGULAR)),
    **dict.fromkeys(("eig", "eigh", "eigvals", "eigvalsh"), _decomposition(EIGEN)),
    **dict.fromkeys(
        ("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d"), _pooling
    ),
    **dict.fromkeys(("lp_pool1d", "lp_pool2d", "lp_pool3d"), _pooling),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _transposed_convolution),
    **dict.fromkeys(("igamma", "igammac", "gammainc", "gammaincc", "zeta"), _times(SPECIAL_TERMS)),
    "interpolate": _times(16),  # the points that a bicubic element is made of
    "polygamma": _orders("n"),
    "mvlgamma": _orders("p"),
    "multigammaln": _orders("p"),
}

_BY_KEY: Mapping[str, Rule] = {
    "operator.matmul": _product("a"),
    "torch.nn.functional.bilinear": _bilinear,
}


def _rule(key: str) -> Rule | None:
    owner, _, name = key.rpartition(".")
    if owner == "torch.fft" and not name.endswith(("freq", "shift")):
        return _fourier
    return _BY_KEY.get(key) or _BY_NAME.get(name)


#: key of the op table -> its rule; a key that is not here has the default.
WORK: Mapping[str, Rule] = {key: rule for key in OPS if (rule := _rule(key)) is not None}

#: key of the op table -> elements that it takes besides its result, from the arguments by name.
WORKSPACE: Mapping[str, Callable[[Mapping[str, Any]], int]] = {
    key: rule
    for key, rule in {
        f"{owner}.conv{axes}d": kernel_columns
        for owner in ("torch", "torch.nn.functional")
        for axes in (1, 2, 3)
    }.items()
    if key in OPS
}

# Copies of their operands that routines work in, by the rule of their work.
_COPIES: Mapping[Rule, int] = {_matrix_exponential: 8, _matrix_power: 3, _sorting: 2}


def copies(key: str) -> int:
    """Gives how many copies of its operands a call takes on the way, besides its result."""
    rule = WORK.get(key)
    if key.startswith("torch.linalg.") and rule is not None:
        return max(2, _COPIES.get(rule, 0))
    return 0 if rule is None else _COPIES.get(rule, 0)
