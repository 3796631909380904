"""Functions of ``torch.special``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.engine.bindings.binding import Binding

SPECIAL: Mapping[str, Binding] = {
    "torch.special.airy_ai": torch.special.airy_ai,
    "torch.special.bessel_j0": torch.special.bessel_j0,
    "torch.special.bessel_j1": torch.special.bessel_j1,
    "torch.special.bessel_y0": torch.special.bessel_y0,
    "torch.special.bessel_y1": torch.special.bessel_y1,
    "torch.special.chebyshev_polynomial_t": torch.special.chebyshev_polynomial_t,
    "torch.special.chebyshev_polynomial_u": torch.special.chebyshev_polynomial_u,
    "torch.special.chebyshev_polynomial_v": torch.special.chebyshev_polynomial_v,
    "torch.special.chebyshev_polynomial_w": torch.special.chebyshev_polynomial_w,
    "torch.special.digamma": torch.special.digamma,
    "torch.special.entr": torch.special.entr,
    "torch.special.erf": torch.special.erf,
    "torch.special.erfc": torch.special.erfc,
    "torch.special.erfcx": torch.special.erfcx,
    "torch.special.erfinv": torch.special.erfinv,
    "torch.special.exp2": torch.special.exp2,
    "torch.special.expit": torch.special.expit,
    "torch.special.expm1": torch.special.expm1,
    "torch.special.gammainc": torch.special.gammainc,
    "torch.special.gammaincc": torch.special.gammaincc,
    "torch.special.gammaln": torch.special.gammaln,
    "torch.special.hermite_polynomial_h": torch.special.hermite_polynomial_h,
    "torch.special.hermite_polynomial_he": torch.special.hermite_polynomial_he,
    "torch.special.i0": torch.special.i0,
    "torch.special.i0e": torch.special.i0e,
    "torch.special.i1": torch.special.i1,
    "torch.special.i1e": torch.special.i1e,
    "torch.special.laguerre_polynomial_l": torch.special.laguerre_polynomial_l,
    "torch.special.legendre_polynomial_p": torch.special.legendre_polynomial_p,
    "torch.special.log1p": torch.special.log1p,
    "torch.special.log_ndtr": torch.special.log_ndtr,
    "torch.special.log_softmax": torch.special.log_softmax,
    "torch.special.logit": torch.special.logit,
    "torch.special.logsumexp": torch.special.logsumexp,
    "torch.special.modified_bessel_i0": torch.special.modified_bessel_i0,
    "torch.special.modified_bessel_i1": torch.special.modified_bessel_i1,
    "torch.special.modified_bessel_k0": torch.special.modified_bessel_k0,
    "torch.special.modified_bessel_k1": torch.special.modified_bessel_k1,
    "torch.special.multigammaln": torch.special.multigammaln,
    "torch.special.ndtr": torch.special.ndtr,
    "torch.special.ndtri": torch.special.ndtri,
    "torch.special.polygamma": torch.special.polygamma,
    "torch.special.psi": torch.special.psi,
    "torch.special.round": torch.special.round,
    "torch.special.scaled_modified_bessel_k0": torch.special.scaled_modified_bessel_k0,
    "torch.special.scaled_modified_bessel_k1": torch.special.scaled_modified_bessel_k1,
    "torch.special.shifted_chebyshev_polynomial_t": torch.special.shifted_chebyshev_polynomial_t,
    "torch.special.shifted_chebyshev_polynomial_u": torch.special.shifted_chebyshev_polynomial_u,
    "torch.special.shifted_chebyshev_polynomial_v": torch.special.shifted_chebyshev_polynomial_v,
    "torch.special.shifted_chebyshev_polynomial_w": torch.special.shifted_chebyshev_polynomial_w,
    "torch.special.sinc": torch.special.sinc,
    "torch.special.softmax": torch.special.softmax,
    "torch.special.spherical_bessel_j0": torch.special.spherical_bessel_j0,
    "torch.special.xlog1py": torch.special.xlog1py,
    "torch.special.xlogy": torch.special.xlogy,
    "torch.special.zeta": torch.special.zeta,
}
