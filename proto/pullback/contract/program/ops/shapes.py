"""Ops that make, move, join, pick or place elements."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

SHAPES = [
    *rows(
        "torch Tensor",
        """
        adjoint(input)
        chunk(input, chunks: int[1..], dim?: dim)
        clone(input)
        detach(input)
        diag(input, diagonal?: int)
        diag_embed(input, offset?: int, dim1?: dim, dim2?: dim)
        diagflat(input, offset?: int)
        diagonal(input, offset?: int, dim1?: dim, dim2?: dim)
        diagonal_scatter(input, src, offset?: int, dim1?: dim, dim2?: dim)
        dsplit(input, indices_or_sections: ints)
        flatten(input, start_dim?: dim, end_dim?: dim)
        fliplr(input)
        flipud(input)
        gather(input, dim: dim, index)
        hsplit(input, indices_or_sections: ints)
        index_add(input, dim: dim, index, source, *, alpha?: number)
        index_copy(input, dim: dim, index, source)
        index_fill(input, dim: dim, index, value: operand)
        index_put(input, indices: tensors, values, accumulate?: bool)
        index_reduce(input, dim: dim, index, source, reduce: enum[prod,mean,amax,amin], *, include_self?: bool)
        index_select(input, dim: dim, index)
        masked_scatter(input, mask, source)
        moveaxis(input, source: dims, destination: dims)
        movedim(input, source: dims, destination: dims)
        narrow(input, dim: dim, start: int, length: int)
        ravel(input)
        roll(input, shifts: ints, dims?: dims)
        rot90(input, k?: int, dims?: dims)
        scatter(input, dim: dim, index, src)
        scatter(input, dim: dim, index, value: number)
        scatter_add(input, dim: dim, index, src)
        scatter_reduce(input, dim: dim, index, src, reduce: enum[sum,prod,mean,amax,amin], *, include_self?: bool) @cpu
        select(input, dim: dim, index: int)
        select_scatter(input, src, dim: dim, index: int)
        slice_scatter(input, src, dim?: dim, start?: int, end?: int, step?: int)
        squeeze(input, dim?: dims)
        swapaxes(input, axis0: dim, axis1: dim)
        swapdims(input, dim0: dim, dim1: dim)
        t(input)
        take(input, index)
        take_along_dim(input, indices, dim?: dim)
        tensor_split(input, indices_or_sections: ints, dim?: dim)
        transpose(input, dim0: dim, dim1: dim)
        tril(input, diagonal?: int)
        triu(input, diagonal?: int)
        unbind(input, dim?: dim)
        unflatten(input, dim: dim, sizes: sizes)
        unsqueeze(input, dim: dim)
        vsplit(input, indices_or_sections: ints)
        """,
    ),
    *rows("torch Tensor", "put(input, index, source, accumulate?: bool) @cpu"),
    # Their size follows from what the operands hold.
    *rows(
        "torch Tensor",
        """
        masked_select(input, mask)
        repeat_interleave(input, repeats: size[0..2**26]|tensor, dim?: dim)
        """,
        data_sized=True,
    ),
    *rows(
        "Tensor",
        """
        broadcast_to(input, *size: sizes)
        contiguous(input)
        expand(input, *size: sizes)
        expand_as(input, other)
        flip(input, *dims: dims)
        permute(input, *dims: dims)
        repeat(input, *repeats: sizes)
        reshape(input, *shape: sizes)
        reshape_as(input, other)
        split(input, split_size: ints, dim?: dim)
        sum_to_size(input, *size: sizes)
        tile(input, *dims: sizes)
        unfold(input, dimension: dim, size: int[0..], step: int[1..])
        view(input, *size: sizes)
        view_as(input, other)
        """,
    ),
    *rows("Tensor", "H\nT\nmH\nmT"),
    *rows(
        "torch",
        """
        atleast_1d(*tensors: tensors)
        atleast_2d(*tensors: tensors)
        atleast_3d(*tensors: tensors)
        block_diag(*tensors: tensors)
        broadcast_tensors(*tensors: tensors)
        broadcast_to(input, size: sizes)
        cartesian_prod(*tensors: tensors)
        cat(tensors: tensors, dim?: dim)
        as_tensor(data: any, dtype?: dtype)
        column_stack(tensors: tensors)
        combinations(input, r?: size[0..16], with_replacement?: bool)
        concat(tensors: tensors, dim?: dim)
        concatenate(tensors: tensors, dim?: dim)
        dstack(tensors: tensors)
        flip(input, dims: dims)
        hstack(tensors: tensors)
        meshgrid(*tensors: tensors, *, indexing?: enum[ij,xy])
        permute(input, dims: dims)
        reshape(input, shape: sizes)
        row_stack(tensors: tensors)
        split(input, split_size: ints, dim?: dim)
        stack(tensors: tensors, dim?: dim)
        tile(input, dims: sizes)
        view_as_complex(input)
        view_as_real(input)
        vstack(tensors: tensors)
        """,
    ),
    *rows(
        "torch",
        """
        bartlett_window(window_length: size[0..2**26], periodic?: bool, *, dtype?: dtype, requires_grad?: bool)
        blackman_window(window_length: size[0..2**26], periodic?: bool, *, dtype?: dtype, requires_grad?: bool)
        hamming_window(window_length: size[0..2**26], periodic?: bool, alpha?: float, beta?: float, *, \
            dtype?: dtype, requires_grad?: bool)
        hann_window(window_length: size[0..2**26], periodic?: bool, *, dtype?: dtype, requires_grad?: bool)
        kaiser_window(window_length: size[0..2**26], periodic?: bool, beta?: float, *, dtype?: dtype, \
            requires_grad?: bool)
        scalar_tensor(s: number, *, dtype?: dtype, requires_grad?: bool)
        arange(end: number, *, dtype?: dtype, requires_grad?: bool)
        arange(start: number, end: number, step?: number, *, dtype?: dtype, requires_grad?: bool)
        eye(n: size[0..2**26], m?: size[0..2**26], *, dtype?: dtype, requires_grad?: bool)
        full(size: sizes, fill_value: number, *, dtype?: dtype, requires_grad?: bool)
        full_like(input, fill_value: number, *, dtype?: dtype, requires_grad?: bool)
        linspace(start: number, end: number, steps: size[0..2**26], *, dtype?: dtype, requires_grad?: bool)
        logspace(start: number, end: number, steps: size[0..2**26], base?: number, *, \
            dtype?: dtype, requires_grad?: bool)
        ones(*size: sizes, *, dtype?: dtype, requires_grad?: bool)
        ones_like(input, *, dtype?: dtype, requires_grad?: bool)
        tensor(data: any, *, dtype?: dtype, requires_grad?: bool)
        tril_indices(row: size[0..2**26], col: size[0..2**26], offset?: int, *, dtype?: dtype)
        triu_indices(row: size[0..2**26], col: size[0..2**26], offset?: int, *, dtype?: dtype)
        zeros(*size: sizes, *, dtype?: dtype, requires_grad?: bool)
        zeros_like(input, *, dtype?: dtype, requires_grad?: bool)
        """,
        differentiable=False,
    ),
    *rows(
        "Tensor",
        """
        new_full(input, size: sizes, fill_value: number, *, dtype?: dtype, requires_grad?: bool)
        new_ones(input, *size: sizes, *, dtype?: dtype, requires_grad?: bool)
        new_tensor(input, data: any, *, dtype?: dtype, requires_grad?: bool)
        new_zeros(input, *size: sizes, *, dtype?: dtype, requires_grad?: bool)
        """,
        differentiable=False,
    ),
    *rows(
        "Tensor",
        """
        is_complex(input)
        is_floating_point(input)
        item(input)
        size(input, dim?: dim)
        dtype
        shape
        """,
        differentiable=False,
    ),
    *rows("torch", "is_complex(input)\nis_floating_point(input)", differentiable=False),
    # A number told from a tensor's shape, the same for every row.
    *rows(
        "Tensor",
        "dim(input)\nndim\nndimension(input)\nnelement(input)\nnumel(input)",
        differentiable=False,
        batch_safe=True,
    ),
    *rows("torch", "numel(input)", differentiable=False, batch_safe=True),
]

#: Fields of the named tuples that ops return. Their receiver is such a tuple, not a tensor.
FIELDS = [
    *rows("Tuple", "L\nLU\nQ\nR\nS\nU\nVh\neigenvalues\neigenvectors\nlogabsdet\nsign\nvalues"),
    *rows("Tuple", "indices\npivots", differentiable=False),
]
