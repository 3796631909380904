"""The language by example: programs that it has, and programs that it has not, from the vector files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pullback.contract.errors import ProgramError
from pullback.contract.program import OPS, compile_program

VECTORS = Path(__file__).parents[2] / "vectors" / "programs"


def _vectors(file: str) -> list[Any]:
    entries = [json.loads(line) for line in (VECTORS / file).read_text().splitlines()]
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


@pytest.mark.parametrize("entry", _vectors("accepted.jsonl"))
def test_a_program_of_the_language_compiles(entry: dict[str, Any]) -> None:
    """A program reads, returns, calls and does what its vector says."""
    program = compile_program(entry["program"])

    assert list(program.inputs) == entry["inputs"]
    assert program.result == entry["result"]
    assert sorted(program.ops) == entry["ops"]
    assert (program.calls_backward, program.prints) == (entry["calls_backward"], entry["prints"])
    assert program.statement_count == entry["statements"]
    assert set(program.ops) <= set(OPS)


@pytest.mark.parametrize("entry", _vectors("refused.jsonl"))
def test_a_program_outside_the_language_is_refused_with_its_place(entry: dict[str, Any]) -> None:
    """The error names the line, the column and what was found, and suggests the name that was meant."""
    with pytest.raises(ProgramError) as caught:
        compile_program(entry["program"])

    error = caught.value
    assert error.field == "program"
    assert (int(error.metadata["line"]), int(error.metadata["column"])) == (entry["line"], entry["column"])
    assert entry["says"] in error.message.partition("\n")[0]
    assert error.metadata.get("suggestion", "") == entry["suggestion"]
    assert len(error.message) < 1_000
    assert error.message.isascii()
