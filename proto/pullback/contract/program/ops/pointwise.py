"""Elementwise ops: each element of the result depends only on the elements broadcast to its place."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

POINTWISE = [
    *rows(
        "torch Tensor",
        """
        abs(input)
        absolute(input)
        acos(input)
        acosh(input)
        angle(input)
        arccos(input)
        arccosh(input)
        arcsin(input)
        arcsinh(input)
        arctan(input)
        arctanh(input)
        asin(input)
        asinh(input)
        atan(input)
        atanh(input)
        ceil(input)
        conj(input)
        cos(input)
        cosh(input)
        deg2rad(input)
        digamma(input)
        erf(input)
        erfc(input)
        erfinv(input)
        exp(input)
        exp2(input)
        expm1(input)
        fix(input)
        floor(input)
        frac(input)
        i0(input)
        lgamma(input)
        log(input)
        log10(input)
        log1p(input)
        log2(input)
        logit(input, eps?: float)
        nan_to_num(input, nan?: number, posinf?: number, neginf?: number)
        neg(input)
        negative(input)
        positive(input)
        rad2deg(input)
        reciprocal(input)
        relu(input)
        round(input, *, decimals?: int[-300..300])
        rsqrt(input)
        sgn(input)
        sigmoid(input)
        sign(input)
        sin(input)
        sinc(input)
        sinh(input)
        sqrt(input)
        square(input)
        tan(input)
        tanh(input)
        trunc(input)
        add(input, other: operand, *, alpha?: number)
        addcdiv(input, tensor1, tensor2, *, value?: number)
        addcmul(input, tensor1, tensor2, *, value?: number)
        arctan2(input, other)
        atan2(input, other)
        clamp(input, min?: operand, max?: operand)
        clamp_max(input, max: operand)
        clamp_min(input, min: operand)
        clip(input, min?: operand, max?: operand)
        div(input, other: operand, *, rounding_mode?: enum[trunc,floor]) !quotient
        divide(input, other: operand, *, rounding_mode?: enum[trunc,floor]) !quotient
        float_power(input, exponent: operand)
        fmax(input, other)
        fmin(input, other)
        fmod(input, other: operand)
        hypot(input, other)
        ldexp(input, other)
        lerp(input, end, weight: operand)
        logaddexp(input, other)
        logaddexp2(input, other)
        masked_fill(input, mask, value: operand)
        maximum(input, other)
        minimum(input, other)
        mul(input, other: operand)
        multiply(input, other: operand)
        remainder(input, other: operand)
        sub(input, other: operand, *, alpha?: number)
        subtract(input, other: operand, *, alpha?: number)
        true_divide(input, other: operand)
        xlogy(input, other: operand)
        """,
        pointwise=True,
    ),
    *rows(
        "torch Tensor",
        """
        eq(input, other: operand)
        ge(input, other: operand)
        greater(input, other: operand)
        greater_equal(input, other: operand)
        gt(input, other: operand)
        isclose(input, other, rtol?: float, atol?: float, equal_nan?: bool)
        isfinite(input)
        isinf(input)
        isnan(input)
        isneginf(input)
        isposinf(input)
        isreal(input)
        le(input, other: operand)
        less(input, other: operand)
        less_equal(input, other: operand)
        logical_and(input, other)
        logical_not(input)
        logical_or(input, other)
        logical_xor(input, other)
        lt(input, other: operand)
        ne(input, other: operand)
        not_equal(input, other: operand)
        """,
        pointwise=True,
        differentiable=False,
    ),
    *rows(
        "torch Tensor",
        "hardshrink(input, lambd?: number)\nigamma(input, other)\nigammac(input, other)",
        pointwise=True,
    ),
    *rows("torch", "threshold(input, threshold: number, value: number)", pointwise=True),
    *rows("torch Tensor", "floor_divide(input, other: operand)", pointwise=True, differentiable=False),
    *rows("torch Tensor", "heaviside(input, values)", pointwise=True, differentiable=False),
    *rows("torch Tensor", "nextafter(input, other)", pointwise=True),
    *rows(
        "torch",
        """
        mvlgamma(input, p: int[1..64])
        polygamma(n: int[0..64], input)
        pow(input: operand, exponent: operand)
        real(input)
        where(condition, input: operand, other: operand)
        """,
        pointwise=True,
    ),
    *rows(
        "Tensor",
        """
        mvlgamma(input, p: int[1..64])
        polygamma(input, n: int[0..64])
        pow(input, exponent: operand)
        where(input, condition, other: operand)
        """,
        pointwise=True,
    ),
    *rows("Tensor", "real", pointwise=True),
    *rows(
        "torch.special",
        """
        digamma(input)
        entr(input)
        erf(input)
        erfc(input)
        erfcx(input)
        erfinv(input)
        exp2(input)
        expit(input)
        expm1(input)
        gammainc(input, other)
        gammaincc(input, other)
        gammaln(input)
        i0(input)
        i0e(input)
        i1(input)
        i1e(input)
        log1p(input)
        log_ndtr(input)
        logit(input, eps?: float)
        multigammaln(input, p: int[1..64])
        ndtr(input)
        ndtri(input)
        polygamma(n: int[0..64], input)
        psi(input)
        round(input, *, decimals?: int[-300..300])
        sinc(input)
        xlog1py(input: operand, other: operand)
        xlogy(input: operand, other: operand)
        zeta(input: operand, other: operand)
        """,
        pointwise=True,
    ),
    *rows(
        "torch.special",
        """
        airy_ai(x)
        modified_bessel_i0(input)
        modified_bessel_i1(input)
        modified_bessel_k0(input)
        modified_bessel_k1(input)
        scaled_modified_bessel_k0(x)
        scaled_modified_bessel_k1(x)
        spherical_bessel_j0(x)
        bessel_j0(input)
        bessel_j1(input)
        bessel_y0(input)
        bessel_y1(input)
        """,
        pointwise=True,
        differentiable=False,
    ),
    *rows(
        "Tensor",
        """
        double(input)
        float(input)
        to(input, dtype: dtype)
        to(input, other)
        type(input, dtype: dtype)
        type_as(input, other)
        """,
        pointwise=True,
    ),
    *rows("Tensor", "bool(input)", pointwise=True, differentiable=False),
    # The sign of a NaN is the one thing that differs from row to row.
    *rows("torch Tensor", "copysign(input, other: operand)", pointwise=True, batch_safe=False),
    *rows("torch Tensor", "signbit(input)", pointwise=True, differentiable=False, batch_safe=False),
    # Recurrences, which carry the payload of a NaN along. Their order is one number: a tensor of them has no bound.
    *rows(
        "torch.special",
        """
        chebyshev_polynomial_t(input, n: int[0..64])
        chebyshev_polynomial_u(input, n: int[0..64])
        chebyshev_polynomial_v(input, n: int[0..64])
        chebyshev_polynomial_w(input, n: int[0..64])
        hermite_polynomial_h(input, n: int[0..64])
        hermite_polynomial_he(input, n: int[0..64])
        laguerre_polynomial_l(input, n: int[0..64])
        legendre_polynomial_p(input, n: int[0..64])
        shifted_chebyshev_polynomial_t(input, n: int[0..64])
        shifted_chebyshev_polynomial_u(input, n: int[0..64])
        shifted_chebyshev_polynomial_v(input, n: int[0..64])
        shifted_chebyshev_polynomial_w(input, n: int[0..64])
        """,
        pointwise=True,
        differentiable=False,
        batch_safe=False,
    ),
    # Operands or results are not of the one floating-point type that rows have.
    *rows("torch", "complex(real, imag)\nimag(input)\npolar(abs, angle)", pointwise=True, batch_safe=False),
    *rows(
        "Tensor",
        "bfloat16(input)\ncdouble(input)\ncfloat(input)\nhalf(input)\nimag",
        pointwise=True,
        batch_safe=False,
    ),
    *rows(
        "Tensor",
        "int(input)\nlong(input)\nshort(input)",
        pointwise=True,
        differentiable=False,
        batch_safe=False,
    ),
    *rows(
        "torch Tensor",
        """
        bitwise_and(input, other: operand)
        bitwise_not(input)
        bitwise_or(input, other: operand)
        bitwise_xor(input, other: operand)
        bitwise_left_shift(input, other: operand)
        bitwise_right_shift(input, other: operand)
        gcd(input, other)
        lcm(input, other)
        """,
        pointwise=True,
        differentiable=False,
        batch_safe=False,
    ),
]
