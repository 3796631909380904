"""What a program says to autograd itself. These have effects, and the order of the calls matters."""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

AUTOGRAD = [
    *rows(
        "torch.autograd",
        """
        backward(tensors: tensors, grad_tensors?: tensors, retain_graph?: bool, create_graph?: bool, *, \
            inputs?: tensors)
        """,
        differentiable=False,
    ),
    *rows(
        "torch.autograd",
        """
        grad(outputs: tensors, inputs: tensors, grad_outputs?: tensors, retain_graph?: bool, \
            create_graph?: bool, *, allow_unused?: bool, materialize_grads?: bool)
        """,
    ),
    *rows(
        "Tensor",
        """
        backward(input, gradient?: tensor, retain_graph?: bool, create_graph?: bool, inputs?: tensors)
        requires_grad_(input, requires_grad?: bool)
        retain_grad(input)
        grad_fn
        is_leaf
        requires_grad
        """,
        differentiable=False,
    ),
    *rows("Tensor", "grad"),
    # x.grad.zero_() as one op whose receiver is x: no other method changes a tensor in place.
    # x.grad = None is one as well.
    *rows("Tensor.grad", "zero_(input)\nclear(input)", differentiable=False),
]
