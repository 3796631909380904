"""What an evaluator may still do once it runs tenants' programs: compute, and answer on its one connection.

Nothing here imports torch.
"""

from pullback.evaluator.hardening.harden import Hardening
from pullback.evaluator.hardening.protections import Protections

__all__ = ["Hardening", "Protections"]
