"""Products, decompositions, solvers and Fourier transforms."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

LINEAR_ALGEBRA = [
    *rows(
        "torch Tensor",
        """
        addbmm(input, batch1, batch2, *, beta?: number, alpha?: number)
        addmm(input, mat1, mat2, *, beta?: number, alpha?: number)
        addmv(input, mat, vec, *, beta?: number, alpha?: number)
        addr(input, vec1, vec2, *, beta?: number, alpha?: number)
        baddbmm(input, batch1, batch2, *, beta?: number, alpha?: number)
        bmm(input, mat2)
        cholesky(input, upper?: bool)
        cholesky_inverse(input, upper?: bool)
        cholesky_solve(input, input2, upper?: bool)
        cross(input, other, dim?: dim)
        det(input)
        dot(input, tensor)
        inner(input, other)
        inverse(input)
        kron(input, other)
        logdet(input)
        matmul(input, other)
        matrix_exp(input)
        matrix_power(input, n: int)
        mm(input, mat2)
        mv(input, vec)
        outer(input, vec2)
        pinverse(input, rcond?: float)
        slogdet(input)
        svd(input, some?: bool, compute_uv?: bool)
        trace(input)
        vdot(input, other)
        """,
    ),
    *rows(
        "torch",
        """
        cdist(x1, x2, p?: number)
        chain_matmul(*matrices: tensors)
        einsum(equation: equation, *operands: tensors)
        tensordot(a, b, dims?: any)
        vander(x, N?: int, increasing?: bool)
        """,
    ),
    *rows(
        "torch.linalg",
        """
        cholesky(input, *, upper?: bool)
        cond(input, p?: number|enum[fro,nuc])
        cross(input, other, *, dim?: dim)
        det(A)
        diagonal(A, *, offset?: int, dim1?: dim, dim2?: dim)
        eig(input)
        eigh(input, UPLO?: enum[L,U])
        eigvals(input)
        eigvalsh(input, UPLO?: enum[L,U])
        inv(A)
        lu(A, *, pivot?: bool)
        lu_factor(A, *, pivot?: bool)
        lu_solve(LU, pivots, B, *, left?: bool, adjoint?: bool)
        matmul(input, other)
        matrix_exp(input)
        matrix_norm(input, ord?: number|enum[fro,nuc], dim?: dims, keepdim?: bool, *, dtype?: dtype)
        matrix_power(input, n: int)
        multi_dot(tensors: tensors)
        norm(input, ord?: number|enum[fro,nuc], dim?: dims, keepdim?: bool, *, dtype?: dtype)
        pinv(input, rtol?: operand, hermitian?: bool)
        pinv(input, *, atol?: operand, rtol?: operand, hermitian?: bool)
        qr(A, mode?: enum[reduced,complete,r])
        slogdet(A)
        solve(A, B, *, left?: bool)
        solve_triangular(input, B, *, upper: bool, left?: bool, unitriangular?: bool)
        svd(A, full_matrices?: bool)
        svdvals(A)
        tensorinv(input, ind?: int)
        tensorsolve(input, other, dims?: dims)
        vander(x, N?: int)
        vecdot(x, y, *, dim?: dim)
        vector_norm(x, ord?: number, dim?: dims, keepdim?: bool, *, dtype?: dtype)
        """,
    ),
    *rows(
        "torch.linalg",
        """
        matrix_rank(input, tol?: operand, hermitian?: bool)
        matrix_rank(input, *, atol?: operand, rtol?: operand, hermitian?: bool)
        """,
        differentiable=False,
    ),
]

FOURIER = [
    *rows(
        "torch.fft",
        """
        fft(input, n?: int, dim?: dim, norm?: enum[forward,backward,ortho])
        fft2(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        fftn(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        fftshift(input, dim?: dims)
        hfft(input, n?: int, dim?: dim, norm?: enum[forward,backward,ortho])
        ifft(input, n?: int, dim?: dim, norm?: enum[forward,backward,ortho])
        ifft2(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        ifftn(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        ifftshift(input, dim?: dims)
        ihfft(input, n?: int, dim?: dim, norm?: enum[forward,backward,ortho])
        irfft(input, n?: int, dim?: dim, norm?: enum[forward,backward,ortho])
        irfft2(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        irfftn(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        rfft(input, n?: int, dim?: dim, norm?: enum[forward,backward,ortho])
        rfft2(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        rfftn(input, s?: ints, dim?: dims, norm?: enum[forward,backward,ortho])
        """,
    ),
    *rows(
        "torch.fft",
        """
        fftfreq(n: int, d?: float, *, dtype?: dtype, requires_grad?: bool)
        rfftfreq(n: int, d?: float, *, dtype?: dtype, requires_grad?: bool)
        """,
        differentiable=False,
    ),
]
