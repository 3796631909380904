"""Ops that reduce, scan or order along dimensions."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

REDUCTIONS = [
    *rows(
        "torch Tensor",
        """
        mean(input, dim?: dims, keepdim?: bool, *, dtype?: dtype)
        sum(input, dim?: dims, keepdim?: bool, *, dtype?: dtype)
        """,
        batch_safe=True,
    ),
    *rows(
        "torch Tensor",
        """
        amax(input, dim?: dims, keepdim?: bool)
        amin(input, dim?: dims, keepdim?: bool)
        aminmax(input, *, dim?: dim, keepdim?: bool)
        corrcoef(input)
        cov(input, *, correction?: int, fweights?: tensor, aweights?: tensor)
        cummax(input, dim: dim)
        cummin(input, dim: dim)
        cumprod(input, dim: dim, *, dtype?: dtype)
        cumsum(input, dim: dim, *, dtype?: dtype) @cpu
        diff(input, n?: int[0..64], dim?: dim, prepend?: tensor, append?: tensor)
        dist(input, other, p?: number)
        kthvalue(input, k: int[0..], dim?: dim, keepdim?: bool)
        logcumsumexp(input, dim: dim)
        logsumexp(input, dim: dims, keepdim?: bool)
        max(input)
        max(input, dim: dim, keepdim?: bool)
        max(input, other)
        median(input) @cpu
        median(input, dim: dim, keepdim?: bool) @cpu
        min(input)
        min(input, dim: dim, keepdim?: bool)
        min(input, other)
        mode(input, dim?: dim, keepdim?: bool)
        msort(input)
        nanmean(input, dim?: dims, keepdim?: bool, *, dtype?: dtype)
        nanmedian(input) @cpu
        nanmedian(input, dim: dim, keepdim?: bool) @cpu
        nanquantile(input, q: operand, dim?: dim, keepdim?: bool, *, \
            interpolation?: enum[linear,lower,higher,midpoint,nearest])
        nansum(input, dim?: dims, keepdim?: bool, *, dtype?: dtype)
        norm(input, p?: number|enum[fro,nuc], dim?: dims, keepdim?: bool, dtype?: dtype) !spectral
        prod(input, *, dtype?: dtype)
        prod(input, dim: dim, keepdim?: bool, *, dtype?: dtype)
        quantile(input, q: operand, dim?: dim, keepdim?: bool, *, \
            interpolation?: enum[linear,lower,higher,midpoint,nearest])
        renorm(input, p: number, dim: dim, maxnorm: number)
        sort(input, dim?: dim, descending?: bool)
        sort(input, *, stable?: bool, dim?: dim, descending?: bool)
        std(input, dim?: dims, *, correction?: number, keepdim?: bool)
        std(input, unbiased: bool)
        std(input, dim: dims, unbiased: bool, keepdim?: bool)
        topk(input, k: int[0..], dim?: dim, largest?: bool, sorted?: bool)
        var(input, dim?: dims, *, correction?: number, keepdim?: bool)
        var(input, unbiased: bool)
        var(input, dim: dims, unbiased: bool, keepdim?: bool)
        """,
    ),
    *rows(
        "torch",
        """
        gradient(input, *, spacing?: number|tensors, dim?: dims, edge_order?: int[1..2])
        cumulative_trapezoid(y, x?: tensor, *, dx?: number, dim?: dim) @cpu
        std_mean(input, dim?: dims, *, correction?: number, keepdim?: bool)
        std_mean(input, unbiased: bool)
        std_mean(input, dim: dims, unbiased: bool, keepdim?: bool)
        trapezoid(y, x?: tensor, *, dx?: number, dim?: dim)
        trapz(y, x?: tensor, *, dx?: number, dim?: dim)
        var_mean(input, dim?: dims, *, correction?: number, keepdim?: bool)
        var_mean(input, unbiased: bool)
        var_mean(input, dim: dims, unbiased: bool, keepdim?: bool)
        """,
    ),
    *rows("torch.special", "logsumexp(input, dim: dims, keepdim?: bool)"),
    *rows(
        "torch Tensor",
        """
        all(input, dim?: dims, keepdim?: bool)
        any(input, dim?: dims, keepdim?: bool)
        allclose(input, other, rtol?: float, atol?: float, equal_nan?: bool)
        argmax(input, dim?: dim, keepdim?: bool)
        argmin(input, dim?: dim, keepdim?: bool)
        argsort(input, dim?: dim, descending?: bool)
        argsort(input, *, stable?: bool, dim?: dim, descending?: bool)
        count_nonzero(input, dim?: dims)
        equal(input, other)
        """,
        differentiable=False,
    ),
    *rows(
        "torch Tensor",
        """
        histc(input, bins?: size[1..65536], min?: number, max?: number) @cpu
        """,
        differentiable=False,
    ),
    *rows(
        "torch Tensor",
        """
        argwhere(input)
        bincount(input, weights?: tensor, minlength?: size[0..2**26]) @cpu
        nonzero(input)
        unique(input, sorted?: bool, return_inverse?: bool, return_counts?: bool, dim?: dim)
        unique_consecutive(input, return_inverse?: bool, return_counts?: bool, dim?: dim)
        """,
        differentiable=False,
        data_sized=True,
    ),
    *rows(
        "torch",
        """
        bucketize(input, boundaries, *, right?: bool)
        isin(elements: operand, test_elements: operand, *, assume_unique?: bool, invert?: bool)
        searchsorted(sorted_sequence, input: operand, *, right?: bool)
        """,
        differentiable=False,
    ),
]
