"""One call of a program made ready: bound to torch, with all that is known about its operands before they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.program.ops import OPS
from pullback.engine.bindings import BINDINGS
from pullback.engine.draws import Draws
from pullback.engine.guards import GUARDS
from pullback.engine.operands import match, matchings
from pullback.engine.sizes import ESTIMATES, check_broadcast, check_estimate, check_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.contract.limits import Limits
    from pullback.contract.program.ir import Call
    from pullback.engine.bindings.binding import Binding
    from pullback.engine.operands import Matching


@dataclass(frozen=True)
class ReadyCall:
    """A call that only lacks its operands.

    Attributes:
        call: the instruction.
        function: what its op is bound to.
        candidates: the signatures that fit its operands by number and name.
        examined: whether operands are examined by name before the call: for either of the following.
        estimated: whether the size of the result is estimated before the call.
        random: whether it is given the evaluation's generator.
        checks: what examines the operands by name, after that.
    """

    call: Call
    function: Binding
    candidates: tuple[Matching, ...]
    examined: bool
    estimated: bool
    random: bool
    checks: tuple[Callable[[Mapping[str, object]], None], ...]

    def invoke(
        self,
        operands: tuple[object, ...],
        keywords: Mapping[str, object],
        limits: Limits,
        draws: Draws | None = None,
    ) -> object:
        """Checks the operands, calls, and checks the result's size.

        Args:
            operands: the positional ones.
            keywords: the others.
            limits: the bounds on what it may make.
            draws: the evaluation's random numbers. Only what is not `random` can do without.

        Raises:
            Refused: an operand is of the wrong kind, or has a value that the op cannot take.
            TooBig: the result would be, or is, too big.
            Exception: what torch raised, one of `TORCH_ERRORS`.
        """
        matching = match(self.candidates, operands, keywords)
        check_broadcast(self.call.op, (*operands, *keywords.values()), limits)
        arguments = matching.arguments(operands, keywords) if self.examined else {}
        if self.estimated:
            check_estimate(self.call.op, arguments, limits)
        # After the estimates: what asks for too much is told the limit, not that its integer is odd.
        if matching.bounded:
            matching.check_ranges(operands, keywords)
        for check in self.checks:
            check(arguments)
        if self.random:
            keywords = {**keywords, "generator": (draws or Draws()).generator}
        value = self.function(*operands, **keywords)
        check_size(value, limits)
        return value


def make_ready(call: Call) -> ReadyCall:
    """Binds a call."""
    op = OPS[call.op]
    checks = tuple(GUARDS[name] for name in op.checks)
    estimated = call.op in ESTIMATES
    return ReadyCall(
        call,
        BINDINGS[call.op],
        matchings(call),
        examined=estimated or bool(checks),
        estimated=estimated,
        random=op.random,
        checks=checks,
    )
