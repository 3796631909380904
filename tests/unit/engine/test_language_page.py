"""The page about the language: its examples run, and what it says is left out is refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from pullback.contract.errors import ProgramError
from pullback.contract.program import compile_program

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Lab

PAGE = (Path(__file__).parents[3] / "docs" / "language.md").read_text()

# A program, and the text that it prints.
EXAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)

# The first column of the table.
LEFT_OUT = re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", PAGE, re.MULTILINE)


def test_every_program_of_the_page_is_an_example_with_its_output() -> None:
    """None is left out of the tests below."""
    assert len(EXAMPLES) == PAGE.count("```python")
    assert len(LEFT_OUT) == len(re.findall(r"^\| `", PAGE, re.MULTILINE))


@pytest.mark.parametrize(("program", "printed"), EXAMPLES)
def test_an_example_prints_what_the_page_shows(lab: Lab, program: str, printed: str) -> None:
    """The text is that of the page, to the last digit."""
    source = f"{program}end = (x * 1.0).sum()"
    assert lab.run(source, {"x": torch.tensor([1.0, 2.0, 4.0])}, wrt=["x"]).printed == printed


@pytest.mark.parametrize("program", LEFT_OUT)
def test_what_the_page_says_is_left_out_is_refused(program: str) -> None:
    """The error is about the text, before anything runs."""
    with pytest.raises(ProgramError):
        compile_program(
            program.replace(": ", ":\n    ", 1) if re.match(r"while|for|class|try", program) else program
        )
