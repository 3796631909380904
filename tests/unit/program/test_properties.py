"""Whatever the text, the compiler answers with a program or with an error of ours."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pullback.contract.errors import CallerError
from pullback.contract.program import OPS, compile_program
from pullback.contract.program.ir import Call, every

VECTORS = Path(__file__).parents[2] / "vectors" / "programs" / "accepted.jsonl"
PROGRAMS = [json.loads(line)["program"] for line in VECTORS.read_text().splitlines()]

# Pieces of programs, good and bad, that text is made of.
PIECES = st.sampled_from(
    [
        *(
            "x",
            "y",
            "=",
            "+",
            "-",
            "*",
            "**",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ":",
            ".",
            ";",
            "\n",
            "\n    ",
            " ",
        ),
        *(
            "1",
            "0.5",
            "1e400",
            "2j",
            "'",
            '"',
            "'''",
            "\\",
            "#",
            "\r",
            "\t",
            "\x00",
            "\u200b",
            "\xe9",
            "\uff54",
        ),
        *(
            "torch",
            "torch.sin(",
            "F.relu(x)",
            "math.pi",
            "x.grad",
            ".sum()",
            ".zero_()",
            "print(",
            "dim=",
            "None",
        ),
        *(
            "with torch.no_grad():",
            "import torch",
            "from torch import",
            "lambda",
            "for",
            "in",
            "if",
            "else",
            "not",
        ),
        *(
            "__class__",
            "f'{x}'",
            'f"{',
            "{x:.3f}",
            "}'",
            "for i in range(3):",
            "range(",
            "if i == 0:",
            "elif 0:",
            "def f(a, b=1):",
            "return f(a)",
            "f(x)",
            "f = lambda a: ",
            "[x for i in (1, 2)]",
            "break",
            "continue",
            "x if i else y",
            "and",
            "as",
            "def f():",
            "return",
            "is",
            "del",
            "\\x1b",
            "_",
            "...",
            "@",
            "~",
            "<",
        ),
    ]
)


def _compile(source: str) -> None:
    try:
        program = compile_program(source)
    except CallerError as error:
        assert error.field == "program"  # noqa: PT017 - either outcome is right, but not any error
        assert error.message.isascii()  # noqa: PT017
        assert len(error.message) <= 1_000  # noqa: PT017
        return
    called = [instruction.op for instruction in every(program.instructions) if isinstance(instruction, Call)]
    assert set(called) == set(program.ops) <= OPS.keys()


@given(st.text())
@example("\ufeffy = x")
@example("y = \ud800")
@example("'\\N{DIGIT ONE}'")
@example("print('\\777')")
def test_arbitrary_text_never_fails_otherwise(source: str) -> None:
    """Any text, of any characters."""
    _compile(source)


@settings(max_examples=300)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_arbitrary_pieces_of_programs_never_fail_otherwise(source: str) -> None:
    """Text that is nearly a program, nested and cut in odd ways."""
    _compile(source)


@settings(max_examples=300)
@given(st.data())
def test_damaged_programs_never_fail_otherwise(data: st.DataObject) -> None:
    """Good programs with a piece cut out and another put in."""
    source = data.draw(st.sampled_from(PROGRAMS))
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, min(len(source), start + 8)))
    _compile(source[:start] + data.draw(PIECES) + source[end:])


@given(st.binary(max_size=200))
def test_decoded_bytes_never_fail_otherwise(data: bytes) -> None:
    """What comes off the wire, decoded in the most lenient way."""
    _compile(data.decode("utf-8", errors="surrogateescape"))
