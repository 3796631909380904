from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli_batch.cases import Case, read_cases

from pullback.cli.batch import BatchError, load_batch

CASES = read_cases(Path(__file__).parents[2] / "vectors" / "batches" / "broken.txt")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_file_is_told_all_that_is_wrong_with_it(case: Case, folder: Path) -> None:
    """Each fault has a line of its own, with file, line and field, and says what was found and what was expected."""
    file = case.write(folder)

    with pytest.raises(BatchError) as caught:
        load_batch(file)

    told, expected = str(caught.value).split("\n"), case.says.strip("\n").split("\n")
    # A library's own words may change with its version.
    told = [
        line[: len(want) - 1] + "…" if want.endswith("…") else line
        for line, want in zip(told, expected, strict=True)
    ]
    assert told == expected


def test_there_are_at_least_fifty_broken_files() -> None:
    """The file of cases is read as a whole, and none is there twice."""
    assert len({case.name for case in CASES}) == len(CASES) >= 50


def test_faults_beyond_a_hundred_are_counted(folder: Path) -> None:
    """A table that is wrong in each row does not fill the screen, nor the memory."""
    rows = [f"{number if number % 2 else 'x'},1" for number in range(5_000)]
    folder.joinpath("points.csv").write_text("\n".join(["x,w", *rows]))

    with pytest.raises(BatchError) as caught:
        load_batch("points.csv", {"program": "y = x * w"})

    assert len(caught.value.faults) == 100
    assert caught.value.left_out == 2_400
    assert str(caught.value).endswith("\nand 2,400 more")
