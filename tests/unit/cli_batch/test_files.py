from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import safetensors.torch
import torch
from pyarrow import parquet
from tests.unit.cli_batch.reading import NOW, dtypes, each, inputs, jobs_of, messages

from pullback.cli.batch import BatchError, load_batch
from pullback.cli.batch.arrays import Typing, swept_array
from pullback.cli.batch.columns import Mapped
from pullback.cli.batch.files import Files
from pullback.cli.batch.model import FileArray
from pullback.contract.tensors import decode

pytestmark = pytest.mark.usefixtures("folder")


@pytest.mark.parametrize(
    ("spelling", "expected", "dtype"),
    [
        ("{file: weights.npy}", [[0, 1], [2, 3], [4, 5]], "float32"),
        ("{file: weights.npy, dtype: float64}", [[0, 1], [2, 3], [4, 5]], "float64"),
        ("{file: arrays.npz, key: second}", [[1, 1], [1, 1]], "float64"),
        ("{file: arrays.safetensors, key: first}", [0, 1, 2], "float32"),
        ("{file: points.parquet, column: x}", [0, 0.5, 1], "float64"),
        ("{file: points.csv, column: w}", [2, 4, 6], "float32"),
        ("{file: points.csv, column: w, dtype: int16}", [2, 4, 6], "int16"),
        ("{file: points.tsv}", [1, 2], "float32"),
        ("{file: semicolons.csv, column: w, delimiter: ;}", [7, 8], "float32"),
    ],
)
def test_an_array_comes_from_a_file_as_it_lies_there(
    spelling: str, expected: list[object], dtype: str, folder: Path
) -> None:
    """Whole in inputs, along its first axis in a grid; its data type is kept, and text becomes float32."""
    folder.joinpath("points.csv").write_text("x,w\n1,2\n3,4\n5,6\n")
    folder.joinpath("points.tsv").write_text("x\n1\n2\n")
    folder.joinpath("semicolons.csv").write_text("x;w\n1;7\n2;8\n")
    (job,) = jobs_of(f"program: y = x\ninputs:\n  x: {spelling}\n")
    assert (inputs(job), dtypes(job)) == ({"x": expected}, {"x": dtype})
    jobs = jobs_of(f"program: y = x\ngrid:\n  x: {spelling}\n")
    assert each(jobs, "x") == expected
    assert {dtypes(job)["x"] for job in jobs} == {dtype}


def test_bfloat16_comes_from_safetensors_bit_for_bit() -> None:
    """Numpy has no such type; a NaN's payload is kept."""
    bits = torch.tensor([[0x3F80, 0x7FC1], [-0x8000, 0x0001]], dtype=torch.int16)
    safetensors.torch.save_file({"a": bits.view(torch.bfloat16), "b": torch.ones(1)}, "brain.safetensors")
    (job,) = jobs_of("program: y = x\ninputs: {x: {file: brain.safetensors, key: a}}")
    found = job.evaluation.inputs["x"]
    assert dtypes(job) == {"x": "bfloat16"}
    assert (list(found.shape), found.data) == ([2, 2], bits.numpy().astype("<i2").tobytes())
    assert dtypes(
        jobs_of("program: y = x\ninputs: {x: {file: brain.safetensors, key: a, dtype: float32}}")[0]
    ) == {"x": "float32"}


def test_names_of_files_count_from_the_batch_file(folder: Path) -> None:
    """Wherever the command is called."""
    inner = folder / "inner"
    inner.mkdir()
    np.save(inner / "w.npy", np.float32(3))
    inner.joinpath("model.py").write_text("\ufeffy = 2*w\n")
    inner.joinpath("b.yaml").write_text("program: {file: model.py}\ninputs: {w: {file: w.npy}}")
    (job,) = messages("inner/b.yaml")
    assert (job.evaluation.program, inputs(job)) == ("y = 2*w\n", {"w": 3})


def test_each_row_of_a_table_is_a_job(folder: Path) -> None:
    """Columns are inputs by their own names or by others; several are a vector; others may be labels."""
    folder.joinpath("points.csv").write_text('id,a,b,c\none,1,2,"[5, 6]"\ntwo,3,4,"[7, 8, 9]"\n\n')
    text = """\
program: y = (x * v).sum() + u.sum()
rows: {file: points.csv, columns: {x: a, v: [a, b], u: c}}
labels: {name: "{id}-{x}"}
"""
    jobs = jobs_of(text)
    assert [inputs(job) for job in jobs] == [
        {"x": 1, "v": [1, 2], "u": [5, 6]},
        {"x": 3, "v": [3, 4], "u": [7, 8, 9]},
    ]
    assert [job.labels["name"] for job in jobs] == ["one-1.0", "two-3.0"]


def test_parquet_gives_what_csv_gives_in_its_own_types(folder: Path) -> None:
    """Numbers keep their types, lists become vectors, several columns make one."""
    table = pa.table(
        {
            "a": pa.array([1.5, 2.5], pa.float64()),
            "b": pa.array([1, 2], pa.int32()),
            "c": pa.array([[1, 2], [3]], pa.list_(pa.float32())),
            "d": pa.array([[1, 2], [3, 4]], pa.list_(pa.float32(), 2)),
            "e": pa.array([True, False]),
            "name": ["one", "two"],
        }
    )
    parquet.write_table(table, folder / "points.parquet")
    text = """\
program: y = a
rows: {file: points.parquet, columns: {a: a, b: b, c: c, d: d, e: e, v: [a, b]}}
labels: {name: "{name}"}
dtype: {v: float32}
"""
    jobs = jobs_of(text)
    assert [inputs(job) for job in jobs] == [
        {"a": 1.5, "b": 1, "c": [1, 2], "d": [1, 2], "e": True, "v": [1.5, 1]},
        {"a": 2.5, "b": 2, "c": [3], "d": [3, 4], "e": False, "v": [2.5, 2]},
    ]
    assert dtypes(jobs[0]) == {
        "a": "float64", "b": "int32", "c": "float32", "d": "float32", "e": "bool", "v": "float32",
    }  # fmt: skip
    assert [job.labels["name"] for job in jobs] == ["one", "two"]


def test_a_table_alone_is_a_batch_of_a_program_that_is_given(folder: Path) -> None:
    """One line of a shell submits it, and each row knows its line."""
    folder.joinpath("points.csv").write_text("\ufeffx,w\n1,2\n\n3,4\n")
    batch = load_batch("points.csv", {"program": "y = x * w"})
    assert [job.where for job in batch.jobs()] == ["points.csv:2", "points.csv:4"]
    assert [inputs(job.request("", NOW).job) for job in batch.jobs()] == [{"x": 1, "w": 2}, {"x": 3, "w": 4}]


def test_lines_are_jobs_and_share_what_a_yaml_file_says(folder: Path) -> None:
    """JSON Lines alone, and as the jobs of a file with the rest."""
    lines = [{"inputs": {"x": 1}}, {"inputs": {"x": [1, float("nan")]}, "labels": {"a": "b"}}]
    folder.joinpath("jobs.jsonl").write_text("\n\n".join(map(json.dumps, lines)))
    alone = messages("jobs.jsonl", program="y = x")
    shared = jobs_of("program: y = x\npriority: bulk\njobs: jobs.jsonl")
    np.testing.assert_equal([inputs(job) for job in alone], [{"x": 1}, {"x": [1, float("nan")]}])
    assert [dict(job.labels) for job in shared] == [{}, {"a": "b"}]
    assert {job.priority for job in shared} == {3}


def test_json_is_read_as_yaml_is() -> None:
    """With its escapes, and with tabs, which YAML does not take."""
    data = {"program": 'y = x  # \u00e9 \U0001f600 \t"', "inputs": {"x": [1, 2.5e-3]}, "labels": {"a": "b"}}
    assert jobs_of(json.dumps(data, indent="\t"), "b.json") == jobs_of(json.dumps(data), "b.jsonl")


@pytest.mark.parametrize(
    "text",
    ['{"program": "y = 1.0"}\n{"program": "y = 2.0"}\n', "jobs:\n- program: y = 1.0\n- program: y = 2.0\n"],
)
def test_standard_input_is_read_once_and_kept(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of text come through a pipe."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert [job.evaluation.program for job in messages("-")] == ["y = 1.0", "y = 2.0"]


@pytest.mark.parametrize(
    ("file", "package"),
    [("points.parquet, column: x", "pyarrow"), ("arrays.safetensors, key: first", "safetensors")],
)
def test_what_is_not_installed_is_told_with_what_to_install(
    file: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base client goes without the big readers."""
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, f"{package}.parquet", None)
    with pytest.raises(
        BatchError, match=rf"needs {package}; install it with: pip install 'pullback\[files\]'"
    ):
        jobs_of(f"program: y = x\ninputs: {{x: {{file: {file}}}}}")


def test_a_table_is_read_in_pieces(folder: Path) -> None:
    """Rows beyond the first piece are the file's, in order, and each knows its line."""
    count = 3_000
    folder.joinpath("points.csv").write_text("\n".join(["x,n", *(f"{n / 2},{n}" for n in range(count))]))
    batch = load_batch("points.csv", {"program": "y = x * n", "dtype": {"n": "int64"}})
    assert len(batch) == count
    for number, job in enumerate(batch.jobs()):
        assert job.where == f"points.csv:{number + 2}"
        if number % 500 == 0:
            assert inputs(job.request("", NOW).job) == {"x": number / 2, "n": number}


def test_a_big_array_stays_on_disk(folder: Path) -> None:
    """Rows of an .npy file are read when their job is made."""
    np.save("big.npy", np.zeros((64, 1 << 16)))
    column = swept_array(FileArray(file="big.npy"), "x", Typing(), Files(folder))
    assert isinstance(column, Mapped)
    assert isinstance(column.whole, np.memmap)
    assert decode(column.get(63)).tolist() == [0.0] * (1 << 16)


def test_reading_text_needs_none_of_the_big_readers() -> None:
    """A base install reads YAML, JSON Lines and CSV; pyarrow and safetensors are imported for their own files only."""
    Path("b.yaml").write_text("program: y = x\nrows: points.csv")
    Path("points.csv").write_text("x\n1\n")
    code = (
        "import sys; from pullback.cli.batch import load_batch; assert len(load_batch('b.yaml')) == 1;"
        "print([name for name in ('pyarrow', 'safetensors', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
