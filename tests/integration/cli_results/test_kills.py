from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.cli.results.samples import BATCH, READERS

# Rows of each file, and kills on the way to it.
_ROWS = 60
_KILLS = 3

_ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("suffix", READERS)
def test_killed_again_and_again_a_collection_has_each_row_once(suffix: str, tmp_path: Path) -> None:
    """After SIGKILLs at any moment, the process that is let alone ends with a file without gaps or duplicates."""
    path = tmp_path / f"r{suffix}"
    for _ in range(_KILLS):
        process = _start(path)
        assert process.stdout is not None
        for _ in range(random.randrange(_ROWS)):  # noqa: S311 - no secret
            process.stdout.readline()
        process.kill()
        process.communicate()
    process = _start(path)
    process.communicate()
    assert process.returncode == 0
    assert sorted(READERS[suffix](path)) == sorted(f"{BATCH}.{index}" for index in range(_ROWS))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def _start(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.integration.cli_results.collector", str(path), str(_ROWS)]
    return subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True)
