"""Arbitrary text for the compiler, led by its coverage: ``python -m tests.fuzz.parser FOLDER -max_total_time=60``.

Needs atheris, which `make fuzz` installs. Options are those of libFuzzer. Anything but a refusal of ours is a finding,
and so is an input that takes more than some seconds, or more than some memory.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["pullback.contract.program"]):
    from pullback.contract.errors import CallerError
    from pullback.contract.program import compile_program

VECTORS = Path(__file__).parents[1] / "vectors" / "programs"


def compile_any(data: bytes) -> None:
    """Compiles bytes as the gateway would: text in strict UTF-8, and nothing else."""
    try:
        source = data.decode()
    except UnicodeDecodeError:
        return
    try:
        compile_program(source)
    except CallerError:
        return


def write_seeds(folder: Path) -> None:
    """Fills a folder with the programs of the vectors, where it is empty."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("accepted.jsonl", "refused.jsonl", "benign.jsonl", "hostile.jsonl"):
        for number, line in enumerate((VECTORS / file).read_text().splitlines()):
            program = json.loads(line).get("program")
            if program:
                (folder / f"{file}-{number}").write_bytes(program.encode(errors="replace"))


def main() -> None:
    """Fuzzes until libFuzzer's own options say to stop."""
    write_seeds(Path(sys.argv[1]))
    atheris.Setup(sys.argv, compile_any)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
