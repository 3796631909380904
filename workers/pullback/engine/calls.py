"""One call of a program made ready: bound to torch, with all that is known about its operands before they are."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pullback.contract.program.ops import OPS
from pullback.engine.bindings import BINDINGS
from pullback.engine.draws import Draws
from pullback.engine.guards import GUARDS
from pullback.engine.operands import match, matchings
from pullback.engine.origins import note_origin
from pullback.engine.price import needs_arguments, price_call
from pullback.engine.reverse_calls import BACKWARD
from pullback.engine.sizes import check_parts, check_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pullback.contract.program.ir import Call
    from pullback.engine.bindings.binding import Binding
    from pullback.engine.meter import Meter
    from pullback.engine.operands import Matching


@dataclass(frozen=True)
class ReadyCall:
    """A call that only lacks its operands.

    Attributes:
        call: the instruction.
        function: what its op is bound to.
        candidates: the signatures that fit its operands by number and name.
        examined: whether operands are looked at by name before the call, for its price or its checks.
        random: whether it is given the evaluation's generator.
        checks: what examines the operands by name, after that.
    """

    call: Call
    function: Binding
    candidates: tuple[Matching, ...]
    examined: bool
    random: bool
    checks: tuple[Callable[[Mapping[str, object]], None], ...]

    def invoke(
        self,
        operands: tuple[object, ...],
        keywords: Mapping[str, object],
        meter: Meter,
        draws: Draws | None = None,
    ) -> object:
        """Checks the operands, prices the call, calls, and counts what it made.

        Args:
            operands: the positional ones.
            keywords: the others.
            meter: counts what it takes, and refuses what is beyond the limits.
            draws: the evaluation's random numbers. Only what is not `random` can do without.

        Raises:
            Refused: an operand is of the wrong kind, or has a value that the op cannot take.
            TooBig: it would take, or has made, too much.
            Exception: what torch raised, one of `TORCH_ERRORS`.
        """
        op = self.call.op
        matching = match(self.candidates, operands, keywords)
        arguments = matching.arguments(operands, keywords) if self.examined else {}
        if self.examined:
            check_parts(op, arguments)
        price = price_call(
            op, (*operands, *keywords.values()) if keywords else operands, arguments, meter.limits
        )
        # After the estimates: what asks for too much is told the limit, not that its integer is odd.
        if matching.bounded:
            matching.check_ranges(operands, keywords)
        if op in BACKWARD:
            value = BACKWARD[op](meter, self.function, matching.arguments(operands, keywords))
            if meter.notes_origins:
                self._note(value, (*operands, *keywords.values()), meter)
            return value
        meter.begin(price)
        if meter.is_dry:
            self._check_dry(arguments)
        else:
            for check in self.checks:
                check(arguments)
        if self.random:
            generator = None if meter.is_dry else (draws or Draws()).generator
            keywords = {**keywords, "generator": generator}
        value = self.function(*operands, **keywords)
        check_size(value, meter.limits)
        meter.end(self.call, value, price)
        if meter.notes_origins:
            self._note(value, (*operands, *keywords.values()), meter)
        return value

    def _note(self, value: object, operands: tuple[object, ...], meter: Meter) -> None:
        note_origin(self.call, value, meter.watch)
        if meter.watch is not None:
            meter.watch.look_at_result(self.call, operands, value)

    def _check_dry(self, arguments: Mapping[str, object]) -> None:
        for check in self.checks:
            # Those that look at elements find none, and nothing can crash on them.
            with suppress(NotImplementedError, RuntimeError):
                check(arguments)


def make_ready(call: Call) -> ReadyCall:
    """Binds a call."""
    op = OPS[call.op]
    checks = tuple(GUARDS[name] for name in op.checks)
    return ReadyCall(
        call,
        BINDINGS[call.op],
        matchings(call),
        examined=needs_arguments(call.op) or bool(checks),
        random=op.random,
        checks=checks,
    )
