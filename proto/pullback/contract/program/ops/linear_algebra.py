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
        cholesky(input, upper?: bool) !finite
        cholesky_inverse(input, upper?: bool) !finite
        cholesky_solve(input, input2, upper?: bool) !finite
        cross(input, other, dim?: dim)
        det(input) !finite
        dot(input, tensor)
        ger(input, vec2)
        inner(input, other)
        inverse(input) !finite
        kron(input, other)
        logdet(input) !finite
        matmul(input, other)
        matrix_exp(input)
        matrix_power(input, n: int[-64..64]) !finite
        mm(input, mat2)
        mv(input, vec)
        outer(input, vec2)
        pinverse(input, rcond?: float) !finite
        qr(input, some?: bool) !finite
        slogdet(input) !finite
        svd(input, some?: bool, compute_uv?: bool) !finite
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
        vander(x, N?: size[0..4096], increasing?: bool)
        """,
    ),
    *rows(
        "torch.linalg",
        """
        cholesky(input, *, upper?: bool) !finite
        cond(input, p?: number|enum[fro,nuc]) !finite
        cross(input, other, *, dim?: dim)
        det(A) !finite
        diagonal(A, *, offset?: int, dim1?: dim, dim2?: dim)
        eig(input) !finite
        eigh(input, UPLO?: enum[L,U]) !finite
        eigvals(input) !finite
        eigvalsh(input, UPLO?: enum[L,U]) !finite
        householder_product(A, tau) !finite
        inv(A) !finite
        lu(A, *, pivot?: bool) !finite
        lu_factor(A, *, pivot?: bool) !finite
        lu_solve(LU, pivots, B, *, left?: bool, adjoint?: bool)
        matmul(input, other)
        matrix_exp(input)
        matrix_norm(input, ord?: number|enum[fro,nuc], dim?: dims, keepdim?: bool, *, dtype?: dtype) !spectral
        matrix_power(input, n: int[-64..64]) !finite
        multi_dot(tensors: tensors)
        norm(input, ord?: number|enum[fro,nuc], dim?: dims, keepdim?: bool, *, dtype?: dtype) !spectral
        pinv(input, rtol?: operand, hermitian?: bool) !finite
        pinv(input, *, atol?: operand, rtol?: operand, hermitian?: bool) !finite
        qr(A, mode?: enum[reduced,complete,r]) !finite
        slogdet(A) !finite
        solve(A, B, *, left?: bool) !finite
        solve_triangular(input, B, *, upper: bool, left?: bool, unitriangular?: bool)
        svd(A, full_matrices?: bool) !finite
        svdvals(A) !finite
        tensorinv(input, ind?: int[1..16]) !finite
        tensorsolve(input, other, dims?: dims) !finite
        vander(x, N?: size[1..4096])
        vecdot(x, y, *, dim?: dim)
        vector_norm(x, ord?: number, dim?: dims, keepdim?: bool, *, dtype?: dtype)
        """,
    ),
    *rows(
        "torch.linalg",
        """
        matrix_rank(input, tol?: operand, hermitian?: bool) !finite
        matrix_rank(input, *, atol?: operand, rtol?: operand, hermitian?: bool) !finite
        """,
        differentiable=False,
    ),
]

FOURIER = [
    *rows(
        "torch.fft",
        """
        fft(input, n?: size[1..2**20], dim?: dim, norm?: enum[forward,backward,ortho])
        fft2(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        fftn(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        fftshift(input, dim?: dims)
        hfft2(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        hfftn(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        ihfft2(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        ihfftn(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        hfft(input, n?: size[1..2**20], dim?: dim, norm?: enum[forward,backward,ortho])
        ifft(input, n?: size[1..2**20], dim?: dim, norm?: enum[forward,backward,ortho])
        ifft2(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        ifftn(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        ifftshift(input, dim?: dims)
        ihfft(input, n?: size[1..2**20], dim?: dim, norm?: enum[forward,backward,ortho])
        irfft(input, n?: size[1..2**20], dim?: dim, norm?: enum[forward,backward,ortho])
        irfft2(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        irfftn(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        rfft(input, n?: size[1..2**20], dim?: dim, norm?: enum[forward,backward,ortho])
        rfft2(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        rfftn(input, s?: sizes[-1..2**20], dim?: dims, norm?: enum[forward,backward,ortho])
        """,
    ),
    *rows(
        "torch.fft",
        """
        fftfreq(n: size[1..2**20], d?: float, *, dtype?: dtype, requires_grad?: bool)
        rfftfreq(n: size[1..2**20], d?: float, *, dtype?: dtype, requires_grad?: bool)
        """,
        differentiable=False,
    ),
]
