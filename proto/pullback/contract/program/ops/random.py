"""What draws random numbers: from the evaluation's own generator, so that the same evaluation gives the same bytes.

The generator begins at `Evaluation.seed`; ``torch.manual_seed`` sets it anew. torch's own one is never touched.
"""

from __future__ import annotations

from pullback.contract.program.ops.signature import rows

RANDOM = [
    *rows("torch", "manual_seed(seed: int[-2**63..2**63])", differentiable=False, random=True),
    *rows(
        "torch",
        """
        bernoulli(input)
        bernoulli(input, p: float[0..1])
        multinomial(input, num_samples: size[1..2**24], replacement?: bool)
        normal(mean, std?: operand)
        normal(mean: number, std)
        normal(mean: number, std: number, size: sizes, *, dtype?: dtype, requires_grad?: bool)
        poisson(input) !rate
        rand(*size: sizes, *, dtype?: dtype, requires_grad?: bool)
        rand_like(input, *, dtype?: dtype, requires_grad?: bool)
        randint(high: int[-2**63..2**63], size: sizes, *, dtype?: dtype, requires_grad?: bool)
        randint(low: int[-2**63..2**63], high: int[-2**63..2**63], size: sizes, *, dtype?: dtype, \
            requires_grad?: bool)
        randint_like(input, high: int[-2**63..2**63], *, dtype?: dtype, requires_grad?: bool)
        randint_like(input, low: int[-2**63..2**63], high: int[-2**63..2**63], *, dtype?: dtype, \
            requires_grad?: bool)
        randn(*size: sizes, *, dtype?: dtype, requires_grad?: bool)
        randn_like(input, *, dtype?: dtype, requires_grad?: bool)
        randperm(n: size[0..2**26], *, dtype?: dtype, requires_grad?: bool)
        """,
        differentiable=False,
        random=True,
    ),
    *rows(
        "Tensor",
        """
        bernoulli(input)
        bernoulli(input, p: float[0..1])
        multinomial(input, num_samples: size[1..2**24], replacement?: bool)
        """,
        differentiable=False,
        random=True,
    ),
    *rows("torch", "dropout(input, p: float[0..1], train: bool)", random=True),
    *rows(
        "torch.nn.functional",
        """
        alpha_dropout(input, p?: float[0..1], training?: bool)
        dropout(input, p?: float[0..1], training?: bool)
        dropout1d(input, p?: float[0..1], training?: bool)
        dropout2d(input, p?: float[0..1], training?: bool)
        dropout3d(input, p?: float[0..1], training?: bool)
        gumbel_softmax(logits, tau?: float, hard?: bool, *, dim?: dim)
        """,
        random=True,
    ),
]
