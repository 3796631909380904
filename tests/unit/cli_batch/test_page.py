"""The page on batch files, and their schema, against the reader."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from tests.unit.cli_batch.cases import read_cases

from pullback.cli.batch import BatchError, load_batch
from pullback.cli.batch.model import BatchFile
from pullback.cli.batch.yaml_text import read_yaml

ROOT = Path(__file__).parents[3]
PAGE = ROOT.joinpath("docs/batch-files.md").read_text()
EXAMPLES = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```\n", PAGE, re.MULTILINE | re.DOTALL))
COUNTS = {
    name: int(count.replace(",", ""))
    for name, count in re.findall(
        r"^`([\w.]+)`:\n\n```\w+\n(?:(?!^```)[^\n]*\n)+```\n\nMakes ([\d,]+) jobs", PAGE, re.MULTILINE
    )
}


@pytest.fixture
def examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with the files of the page."""
    monkeypatch.chdir(tmp_path)
    for name, text in EXAMPLES.items():
        tmp_path.joinpath(name).write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    """The published schema."""
    read = json.loads(ROOT.joinpath("docs/batch-file.schema.json").read_text())
    Draft202012Validator.check_schema(read)
    return Draft202012Validator(read)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in {"points.csv", "broken.yaml"}])
@pytest.mark.usefixtures("examples")
def test_an_example_of_the_page_makes_as_many_jobs_as_the_page_says(name: str) -> None:
    """Each is a whole file, and is taken."""
    assert len(load_batch(name)) == COUNTS[name]


@pytest.mark.usefixtures("examples")
def test_the_faults_of_the_page_are_those_that_are_told() -> None:
    """Word for word."""
    (told,) = re.findall(r"```text\n(broken\.yaml.*?)\n```", PAGE, re.DOTALL)
    with pytest.raises(BatchError) as caught:
        load_batch("broken.yaml")
    assert str(caught.value) == told


def test_the_page_names_every_field() -> None:
    """The table of fields has all and no other."""
    (table,) = re.findall(r"^## Fields$(.*?)^A span", PAGE, re.MULTILINE | re.DOTALL)
    named = [
        field
        for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
        for field in re.findall(r"`(\w+)`", row)
    ]
    assert sorted(named) == sorted(BatchFile.model_fields)


def _yaml_examples() -> list[str]:
    return [name for name in EXAMPLES if name.endswith(".yaml") and name != "broken.yaml"]


@pytest.mark.parametrize("name", _yaml_examples())
def test_the_schema_takes_what_the_reader_takes(name: str, schema: Draft202012Validator) -> None:
    """An editor shows no fault in a file that has none."""
    assert list(schema.iter_errors(read_yaml(EXAMPLES[name], name).data)) == []


@pytest.mark.parametrize(
    "data",
    [
        {"rows": "points.csv", "seed": 3, "wrt": ["x"], "outputs": "y"},
        {"inputs": {"x": "nan", "y": "-inf", "z": "1+2j", "b": True, "l": [[1], [2]]}},
        {"grid": {"x": {"range": 3}, "y": {"range": [1, 2, 0.5], "dtype": "float64"}}},
        {"program": {"file": "model.py"}, "dtype": {"x": "int8"}, "jobs": "jobs.jsonl"},
        {"timeout": 5, "deadline": "2030-01-31T18:00:00Z", "not_before": "1h30m", "labels": {"a/b": 7}},
        {"program": None, "seed": {"range": 3}, "jobs": [{"seed": [1, 2]}]},
    ],
)
def test_every_spelling_is_in_the_schema(data: dict[str, Any], schema: Draft202012Validator) -> None:
    """What the model takes, the schema takes."""
    BatchFile.model_validate(data)
    assert list(schema.iter_errors(data)) == []


def test_the_schema_finds_what_is_wrong_with_one_part(schema: Draft202012Validator) -> None:
    """It refuses no file for what is right, and finds the faults that need no look at another part."""
    found = set()
    for case in read_cases(ROOT / "tests/vectors/batches/broken.txt"):
        name, text = list(case.files.items())[-1]
        if not name.endswith(".yaml"):
            continue
        try:
            data = read_yaml(text, name).data
        except BatchError:
            continue
        if not schema.is_valid(data):
            found.add(case.name)
    assert {
        "an unknown field that is nearly one",
        "an input among the fields",
        "a list in place of a mapping",
        "a program that is a number",
        "a mapping that is no array",
        "two spellings of an array at once",
        "linspace without its count",
        "linspace with a count that is no whole number",
        "an unknown data type",
        "labels that are none",
        "spans and times that are none",
        "options that do not exist",
        "no jobs in the list",
        "faults in several entries",
    } <= found
