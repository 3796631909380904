"""Operators, indexing, Python's own numbers, and the `math` module."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

OPERATORS = [
    *rows(
        "operator",
        """
        add(a: operand, b: operand)
        sub(a: operand, b: operand)
        mul(a: operand, b: operand)
        truediv(a: operand, b: operand)
        mod(a: operand, b: operand)
        pow(a: operand, b: operand)
        neg(a: operand)
        pos(a: operand)
        """,
        pointwise=True,
    ),
    *rows(
        "operator",
        """
        floordiv(a: operand, b: operand)
        and_(a: operand, b: operand)
        or_(a: operand, b: operand)
        xor(a: operand, b: operand)
        invert(a: operand)
        eq(a: operand, b: operand)
        ne(a: operand, b: operand)
        lt(a: operand, b: operand)
        le(a: operand, b: operand)
        gt(a: operand, b: operand)
        ge(a: operand, b: operand)
        """,
        pointwise=True,
        differentiable=False,
    ),
    # What `w -= g` is where `w` may be a leaf: one is changed in place, or refused where it is tracked; anything else
    # gets a new value.
    *rows(
        "operator",
        """
        iadd(a: operand, b: operand)
        isub(a: operand, b: operand)
        imul(a: operand, b: operand)
        itruediv(a: operand, b: operand)
        ipow(a: operand, b: operand)
        """,
        differentiable=False,
    ),
    *rows("operator", "matmul(a, b)"),
    *rows("operator", "getitem(a: any, b: any)", data_sized=True),
]

#: On plain numbers: the engine computes these itself, within its own bounds.
NUMBERS = [
    *rows("builtins", "abs(x: operand)", pointwise=True),
    *rows(
        "builtins",
        """
        float(x: operand)
        int(x: operand)
        len(x: any)
        """,
        differentiable=False,
    ),
    # On plain numbers only, which are computed once for all rows.
    *rows(
        "math",
        """
        acos(x: number)
        acosh(x: number)
        asin(x: number)
        asinh(x: number)
        atan(x: number)
        atan2(y: number, x: number)
        atanh(x: number)
        cbrt(x: number)
        ceil(x: number)
        comb(n: int[0..64], k: int[0..64])
        copysign(x: number, y: number)
        cos(x: number)
        cosh(x: number)
        degrees(x: number)
        erf(x: number)
        erfc(x: number)
        exp(x: number)
        exp2(x: number)
        expm1(x: number)
        fabs(x: number)
        factorial(n: int[0..20])
        floor(x: number)
        fmod(x: number, y: number)
        gamma(x: number)
        gcd(a: int[-2**63..2**63], b: int[-2**63..2**63])
        hypot(x: number, y: number)
        isfinite(x: number)
        isinf(x: number)
        isnan(x: number)
        lgamma(x: number)
        log(x: number, base?: number)
        log10(x: number)
        log1p(x: number)
        log2(x: number)
        pow(x: number, y: number)
        radians(x: number)
        sin(x: number)
        sinh(x: number)
        sqrt(x: number)
        tan(x: number)
        tanh(x: number)
        trunc(x: number)
        """,
        differentiable=False,
        batch_safe=True,
    ),
]
