"""What goes wrong while a program runs, in words of our own.

torch's messages are written for someone with a Python prompt: they run over many lines, name C++ types and source
files, and hold addresses. Their first line is kept where it is plain; the best known ones are put in other words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pullback.contract.errors import LimitExceeded
from pullback.contract.limits import limit_metadata
from pullback.contract.program.diagnose import exceeded_at, fault
from pullback.engine.values import describe_operands

if TYPE_CHECKING:
    from pullback.contract.errors import ProgramError, PullbackError
    from pullback.contract.program.ir import Call, Place

# What a torch function, given anything that the language can make, has been seen to raise.
TORCH_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
)

# Longest part of torch's own message that is passed on, in characters.
MAX_TORCH_CHARS = 240

_SECOND_BACKWARD = "Trying to backward through the graph a second time"
_NO_MEMORY = re.compile(
    r"can't allocate memory|not enough memory|out of memory|std::bad_alloc|Storage size calculation overflowed",
    re.IGNORECASE,
)
_NO_ROOM = "needs more memory than there is"
_MEMORY = {"limit": "memory", "estimate": "unknown"}
_IN_OTHER_WORDS = (
    ('"bitwise_', "it takes whole numbers and bools only; a power is written x**2"),
    (
        _SECOND_BACKWARD,
        "the graph behind it was freed by an earlier backward pass; the first call needs `retain_graph=True`",
    ),
    (
        "does not require grad and does not have a grad_fn",
        "nothing that it depends on requires a gradient",
    ),
    (
        "grad can be implicitly created only for scalar outputs",
        "only a scalar can be differentiated without a cotangent: reduce it, as in `.sum()`, or give one",
    ),
    (
        "grad can be implicitly created only for real scalar outputs",
        "a complex value can be differentiated only with a cotangent; a real one, as of `.abs()`, needs none",
    ),
    (
        "One of the differentiated Tensors appears to not have been used",
        "the result does not depend on one of the tensors; `allow_unused=True` gives None for it",
    ),
    (
        "One of the differentiated Tensors does not require grad",
        "one of the tensors to differentiate with respect to does not require a gradient",
    ),
)
# A source file, an address, or a C++ name: nothing that helps the author of a program.
_INTERNAL = re.compile(
    r"INTERNAL ASSERT|/[\w.+-]+/|\.(?:cpp|cu|h|py)\b|0x[0-9a-fA-F]{6,}|::|<class|object at"
)
_PREFIX = re.compile(r"^[\w.]+(?:\(\))?: (?:\(Batch element \d+\): )?")


class Refused(Exception):
    """A call that one of our own operations refuses. The interpreter adds the place."""


class TooBig(Exception):
    """A call that would take more than a limit allows. The interpreter adds the place.

    Args:
        what: what there would be too much of: ``elements``, ``dimensions``.
        estimate: how many there would be.
        limit: how many are allowed.
        name: the limit's name in `Limits`; empty where it is no setting.
        call: the call whose fault it is, where it is another than the one that is refused.
    """

    def __init__(
        self, what: str, estimate: int, limit: int, name: str = "", call: Call | None = None
    ) -> None:
        super().__init__(f"would make {estimate:,} {what}, but the limit is {limit:,}")
        self.metadata = limit_metadata(limit, estimate, name)
        self.call = call


class BackwardFailed(Exception):
    """A backward pass that torch could not compute. `blame` finds the statement whose derivative it was.

    Args:
        error: what to raise where that is not found.
        cause: what torch raised.
        place: where the program began the pass; None where the evaluation itself did.
    """

    def __init__(self, error: PullbackError, cause: Exception, place: Place | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.reason = plain(cause)
        self.place = place


def translate(
    error: Exception, source: str, place: Place, op: str, operands: tuple[object, ...]
) -> PullbackError:
    """Turns what a call raised into an error with its place.

    Args:
        error: what the call raised.
        source: the program's text.
        place: where the call is.
        op: its key in the op table.
        operands: what it was given.
    """
    if isinstance(error, TooBig):
        return exceeded_at(source, place, f"`{spoken(op)}` {error}{_culprit(error)}", error.metadata)
    if is_out_of_memory(error):
        message = f"`{spoken(op)}` on {describe_operands(operands)} {_NO_ROOM}"
        return exceeded_at(source, place, message, _MEMORY)
    return _program_error(error, source, place, op, operands)


def is_out_of_memory(error: Exception) -> bool:
    """Tells whether an allocation failed."""
    return isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)) is not None


def out_of_memory(subject: str) -> LimitExceeded:
    """Makes the error for something that needs more memory than the process may take."""
    return LimitExceeded(f"{subject} {_NO_ROOM}", metadata=_MEMORY)


def _culprit(error: TooBig) -> str:
    if error.call is None:
        return ""
    return f"; most of it for the gradient of `{spoken(error.call.op)}` on line {error.call.place.line}"


def _program_error(
    error: Exception, source: str, place: Place, op: str, operands: tuple[object, ...]
) -> ProgramError:
    if isinstance(error, Refused):
        return fault(source, place, f"`{spoken(op)}`: {error}")
    subject = f"`{spoken(op)}`"
    if operands:
        subject += f" on {describe_operands(operands)}"
    return fault(source, place, f"{subject} failed: {plain(error)}")


def plain(error: Exception) -> str:
    """Gives the part of a torch error that helps the author of a program, in one line."""
    text = str(error)
    for mark, words in _IN_OTHER_WORDS:
        if mark in text:
            return words
    line = _PREFIX.sub("", text.strip().split("\n", 1)[0].strip()).replace("aten::", "")
    line = re.split(r"[.,;] (?:but expected one of|Use |Please |Exception raised|Hint)", line, maxsplit=1)[0]
    if not line or _INTERNAL.search(line):
        return "torch cannot compute this"
    return line.rstrip(".") if len(line) <= MAX_TORCH_CHARS else line[: MAX_TORCH_CHARS - 1] + "…"


def is_about_a_node(error: Exception) -> bool:
    """Tells whether a backward pass may have failed at one statement's derivative, rather than as a whole."""
    text = str(error)
    return not (is_out_of_memory(error) or any(mark in text for mark, _ in _IN_OTHER_WORDS))


def is_freed_graph(error: Exception) -> bool:
    """Tells whether a backward pass failed because an earlier one had freed the graph."""
    return _SECOND_BACKWARD in str(error)


_SYMBOLS = {
    "operator.add": "+",
    "operator.iadd": "+=",
    "operator.imul": "*=",
    "operator.ipow": "**=",
    "operator.isub": "-=",
    "operator.itruediv": "/=",
    "operator.sub": "-",
    "operator.mul": "*",
    "operator.truediv": "/",
    "operator.floordiv": "//",
    "operator.mod": "%",
    "operator.pow": "**",
    "operator.matmul": "@",
    "operator.and_": "&",
    "operator.or_": "|",
    "operator.xor": "^",
    "operator.neg": "-",
    "operator.pos": "+",
    "operator.invert": "~",
    "operator.eq": "==",
    "operator.ne": "!=",
    "operator.lt": "<",
    "operator.le": "<=",
    "operator.gt": ">",
    "operator.ge": ">=",
    "operator.getitem": "[...]",
}


def spoken(op: str) -> str:
    """Writes an op's key as the program's author wrote it: ``+``, ``.mean``, ``torch.sin``."""
    name = op.replace("torch.nn.functional.", "F.").removeprefix("builtins.")
    return _SYMBOLS.get(op) or name.replace("Tensor.", ".", 1)
