"""How gradients compare with finite differences, as callers read it. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from pullback.v1 import evaluation_pb2 as pb

VERDICTS: dict[int, str] = {
    pb.GRADIENT_VERDICT_AGREES: "agrees",
    pb.GRADIENT_VERDICT_DIFFERS: "differs",
    pb.GRADIENT_VERDICT_KINK: "kink",
    pb.GRADIENT_VERDICT_UNDECIDED: "undecided",
}


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """How the gradient by one input compares with finite differences.

    Attributes:
        verdict: ``agrees``, ``differs``, ``kink`` (the slopes on both sides differ, and the gradient is one between
            them) or ``undecided`` (a value is not finite, the difference has not settled, or the type is too coarse).
        max_abs_error: the largest distance between gradient and difference.
        max_rel_error: the largest such distance, divided by the larger of both.
        worst_index: the element that is furthest off; None where the input has none.
        worst_analytic: the gradient there, or its part that was compared.
        worst_numeric: the difference there.
        checked_count: how many elements were compared.
        element_count: how many the input has.
    """

    verdict: str
    max_abs_error: float
    max_rel_error: float
    worst_index: tuple[int, ...] | None
    worst_analytic: float
    worst_numeric: float
    checked_count: int
    element_count: int

    def __bool__(self) -> bool:
        """Whether they agree."""
        return self.verdict == "agrees"

    def __str__(self) -> str:
        text = (
            f"{self.verdict}: max abs error {self.max_abs_error:.1e}, max rel error {self.max_rel_error:.1e}, "
            f"{self.checked_count:,} of {self.element_count:,} elements"
        )
        if self.verdict == "agrees" or self.worst_index is None:
            return text
        place = f" at [{', '.join(map(str, self.worst_index))}]" if self.worst_index else ""
        return f"{text}; worst{place}: gradient {self.worst_analytic:g}, difference {self.worst_numeric:g}"


def read_gradient_check(message: pb.GradientCheck) -> GradientCheck:
    """Reads a message."""
    worst = message.worst
    return GradientCheck(
        verdict=VERDICTS.get(message.verdict, "unknown"),
        max_abs_error=message.max_abs_error,
        max_rel_error=message.max_rel_error,
        worst_index=tuple(worst.index) if message.HasField("worst") else None,
        worst_analytic=worst.analytic,
        worst_numeric=worst.numeric,
        checked_count=message.checked_count,
        element_count=message.element_count,
    )
