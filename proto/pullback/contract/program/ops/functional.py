"""The functions of ``torch.nn.functional``, which programs call ``F``, and their short names in torch.

Left out: whatever draws random numbers, takes a size from data, or runs outside its arguments when they are wrong.
"""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

ACTIVATIONS = [
    *rows(
        "torch.nn.functional",
        """
        celu(input, alpha?: float)
        elu(input, alpha?: float)
        gelu(input, *, approximate?: enum[none,tanh])
        hardshrink(input, lambd?: float)
        hardsigmoid(input)
        hardswish(input)
        hardtanh(input, min_val?: float, max_val?: float)
        leaky_relu(input, negative_slope?: float)
        logsigmoid(input)
        mish(input)
        relu(input)
        relu6(input)
        selu(input)
        sigmoid(input)
        silu(input)
        softplus(input, beta?: float, threshold?: float)
        softshrink(input, lambd?: float)
        softsign(input)
        tanh(input)
        tanhshrink(input)
        threshold(input, threshold: float, value: float)
        """,
        pointwise=True,
    ),
    *rows("torch", "celu(input, alpha?: float)\nselu(input)", pointwise=True),
    *rows("Tensor torch torch.nn.functional", "prelu(input, weight)"),
    *rows(
        "torch.nn.functional",
        """
        glu(input, dim?: dim)
        log_softmax(input, dim: dim, *, dtype?: dtype)
        normalize(input, p?: float, dim?: dim, eps?: float)
        softmax(input, dim: dim, *, dtype?: dtype)
        softmin(input, dim: dim, *, dtype?: dtype)
        """,
    ),
    *rows(
        "torch Tensor torch.special",
        """
        log_softmax(input, dim: dim, *, dtype?: dtype)
        softmax(input, dim: dim, *, dtype?: dtype)
        """,
    ),
]

LOSSES = rows(
    "torch.nn.functional",
    """
    binary_cross_entropy(input, target, weight?: tensor, *, reduction?: enum[none,mean,sum])
    binary_cross_entropy_with_logits(input, target, weight?: tensor, *, reduction?: enum[none,mean,sum], \
        pos_weight?: tensor)
    cosine_embedding_loss(input1, input2, target, margin?: float, *, reduction?: enum[none,mean,sum])
    cross_entropy(input, target, weight?: tensor, *, ignore_index?: int, reduction?: enum[none,mean,sum], \
        label_smoothing?: float[0..1]) @cpu
    gaussian_nll_loss(input, target, var: operand, full?: bool, eps?: float, reduction?: enum[none,mean,sum])
    hinge_embedding_loss(input, target, margin?: float, *, reduction?: enum[none,mean,sum])
    huber_loss(input, target, reduction?: enum[none,mean,sum], delta?: float, weight?: tensor)
    kl_div(input, target, *, reduction?: enum[none,mean,sum,batchmean], log_target?: bool)
    l1_loss(input, target, *, reduction?: enum[none,mean,sum])
    margin_ranking_loss(input1, input2, target, margin?: float, *, reduction?: enum[none,mean,sum])
    mse_loss(input, target, *, reduction?: enum[none,mean,sum])
    multilabel_margin_loss(input, target, *, reduction?: enum[none,mean,sum])
    multi_margin_loss(input, target, p?: int[1..2], margin?: float, weight?: tensor, *, reduction?: enum[none,mean,sum])
    multilabel_soft_margin_loss(input, target, weight?: tensor, *, reduction?: enum[none,mean,sum])
    nll_loss(input, target, weight?: tensor, *, ignore_index?: int, reduction?: enum[none,mean,sum]) @cpu
    poisson_nll_loss(input, target, log_input?: bool, full?: bool, *, eps?: float, reduction?: enum[none,mean,sum])
    smooth_l1_loss(input, target, *, reduction?: enum[none,mean,sum], beta?: float)
    soft_margin_loss(input, target, *, reduction?: enum[none,mean,sum])
    triplet_margin_loss(anchor, positive, negative, margin?: float, p?: float, eps?: float, swap?: bool, *, \
        reduction?: enum[none,mean,sum])
    """,
)
