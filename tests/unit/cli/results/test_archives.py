from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from safetensors import safe_open
from tests.unit.cli.results.samples import BATCH, READERS, job, jobs, records

from pullback.cli.results import OutputBusy, archive, open_results
from pullback.cli.results.archive import LAYOUTS, ArchiveFile
from pullback.cli.results.journal import Journal
from pullback.cli.results.record import record_of
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path

    from pullback.cli.results import Record

KINDS = pytest.mark.parametrize("suffix", LAYOUTS)


def _rows(path: Path) -> list[Record]:
    file = ArchiveFile(path)
    try:
        return list(file._read(file._layout.read))
    finally:
        file.close()


def _collect(path: Path, found: list[Record], *, finish: bool = True) -> None:
    file = ArchiveFile(path)
    try:
        file.add(found)
        if finish:
            file.finish()
    finally:
        file.close()


def _by_id(found: list[Record]) -> dict[str, Record]:
    return {record.facts["id"]: record for record in found}


@KINDS
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_file_holds_what_it_was_given(
    suffix: str, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Read again, every fact and every bit of every tensor is there, in whatever portions it came."""
    path = tmp_path_factory.mktemp("archive") / f"r{suffix}"
    found = [record_of(message) for message in data.draw(jobs())]
    cut = data.draw(st.integers(0, len(found)))
    _collect(path, found[:cut], finish=data.draw(st.booleans()))
    _collect(path, found[cut:])
    assert _by_id(_rows(path)) == _by_id(found)


@KINDS
def test_a_file_is_opened_by_its_facts_alone(suffix: str, tmp_path: Path) -> None:
    """What is known of a finished file is what its rows say, though their tensors are not read."""
    path = tmp_path / f"r{suffix}"
    found = [*records([0, 12]), *records([1], state=pb.JOB_STATE_FAILED), *records([2], tries=3)]
    _collect(path, found)
    file = ArchiveFile(path)
    assert file.known == {record.slot: record.known for record in found}
    file.close()


@KINDS
def test_rows_are_in_the_order_of_the_batch(suffix: str, tmp_path: Path) -> None:
    """However jobs finish, row 10 comes after row 9."""
    path = tmp_path / f"r{suffix}"
    _collect(path, records([10, 9, 2, 0, 11, 1]))
    assert READERS[suffix](path) == [f"{BATCH}.{index}" for index in (0, 1, 2, 9, 10, 11)]


def test_numpy_reads_like_tensors_as_one_array(tmp_path: Path) -> None:
    """In a .npz the jobs that succeeded lie along the first axis, with their ids and indices beside them."""
    path = tmp_path / "r.npz"
    _collect(path, [*records([2, 0]), *records([1], state=pb.JOB_STATE_FAILED)])
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["id"].tolist() == [f"{BATCH}.0", f"{BATCH}.2"]
        assert arrays["index"].tolist() == [0, 2]
        np.testing.assert_array_equal(arrays["values/y"], np.array([0, 4], "f4"))
        np.testing.assert_array_equal(arrays["gradients/x"], [[0.0, 1, 2], [2, 3, 4]])
        facts = [json.loads(line) for line in arrays["jobs"].tobytes().splitlines()]
    assert [fact["state"] for fact in facts] == ["SUCCEEDED", "FAILED", "SUCCEEDED"]
    assert facts[1]["error"]["reason"] == "WORKER_LOST"


def test_the_library_of_safetensors_reads_like_tensors_as_one(tmp_path: Path) -> None:
    """In a .safetensors the jobs that succeeded lie along the first axis."""
    path = tmp_path / "r.safetensors"
    _collect(path, records([2, 0]))
    with safe_open(path, framework="np") as file:
        assert set(file.keys()) == {"index", "jobs", "values/y", "gradients/x"}
        np.testing.assert_array_equal(file.get_tensor("index"), [0, 2])
        np.testing.assert_array_equal(file.get_tensor("values/y"), np.array([0, 4], "f4"))
        np.testing.assert_array_equal(file.get_tensor("gradients/x"), [[0.0, 1, 2], [2, 3, 4]])


def test_arrow_reads_numbers_as_columns(tmp_path: Path) -> None:
    """In a .parquet a number is a column of numbers, an array a column of lists, and a failure has nulls there."""
    path = tmp_path / "r.parquet"
    _collect(path, [*records([2, 0]), *records([1], state=pb.JOB_STATE_FAILED)])
    table = parquet.read_table(path)
    assert str(table.schema.field("values.y").type) == "float"
    assert table["values.y"].to_pylist() == [0.0, None, 4.0]
    assert table["gradients.x"].to_pylist() == [[0.0, 1.0, 2.0], None, [2.0, 3.0, 4.0]]
    assert table["gradients.x.shape"].to_pylist() == [[3], None, [3]]
    assert table["error"].to_pylist()[1]["reason"] == "WORKER_LOST"
    assert table["index"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize(("suffix", "separator"), [(".npz", "/"), (".safetensors", "/")])
def test_unlike_tensors_have_names_of_their_own(suffix: str, separator: str, tmp_path: Path) -> None:
    """A name whose shape differs from job to job is one array for each job."""
    longer = job(1)
    longer.result.gradients["x"].shape[:] = [1, 3]
    path = tmp_path / f"r{suffix}"
    _collect(path, [*records([0]), record_of(longer)])
    loaded: dict[str, Any] = {}
    if suffix == ".npz":
        with np.load(path) as arrays:
            loaded = dict(arrays)
    else:
        with safe_open(path, framework="np") as file:
            loaded = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no mapping
    assert loaded["values/y"].shape == (2,)
    assert loaded[f"gradients/x{separator}{BATCH}.0"].shape == (3,)
    np.testing.assert_array_equal(loaded[f"gradients/x{separator}{BATCH}.1"], [[1.0, 2, 3]])


@KINDS
def test_equal_results_make_equal_files(suffix: str, tmp_path: Path) -> None:
    """The bytes do not depend on the order in which jobs finished, nor on where the collection was broken off."""
    one, other = tmp_path / f"one{suffix}", tmp_path / f"other{suffix}"
    _collect(one, records(range(5)))
    _collect(other, records([3, 1]), finish=False)
    _collect(other, records([4, 3, 2, 1, 0]))
    assert one.read_bytes() == other.read_bytes()


@KINDS
def test_torn_at_any_byte_a_journal_is_completed(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever prefix of the journal a kill leaves, collecting again gives the whole file."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # as many times as there are bytes
    whole = tmp_path / f"whole{suffix}"
    _collect(whole, records(range(2)))
    path, journal = tmp_path / f"torn{suffix}", tmp_path / f"torn{suffix}.journal"
    _collect(path, records(range(2)), finish=False)
    data = journal.read_bytes()
    step = 1 if suffix == ".npz" else 29  # the journal is the same for all
    for length in range(0, len(data) + 1, step):
        path.unlink(missing_ok=True)
        journal.write_bytes(data[:length])
        _collect(path, records(range(2)))
        assert path.read_bytes() == whole.read_bytes(), length
        assert not journal.exists()


def test_a_journal_with_a_flipped_bit_loses_no_row(tmp_path: Path) -> None:
    """What a broken disk changed is cut off by its checksum, and collected again."""
    path, journal = tmp_path / "r.npz", tmp_path / "r.npz.journal"
    _collect(path, records(range(3)), finish=False)
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 1
    journal.write_bytes(data)
    opened = Journal(journal)
    assert list(opened.known) == [f"{BATCH}.0"]
    opened.close()
    _collect(path, records(range(3)))
    assert READERS[".npz"](path) == [f"{BATCH}.{index}" for index in range(3)]


@KINDS
def test_killed_after_the_rename_the_next_process_makes_the_same_file(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File and journal are both there, and the file stays as it is."""
    path = tmp_path / f"r{suffix}"
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "discard", lambda _: None)
        _collect(path, records(range(3)))
    made = path.read_bytes()
    assert (tmp_path / f"r{suffix}.journal").exists()
    _collect(path, [])
    assert path.read_bytes() == made
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@KINDS
def test_a_write_that_fails_leaves_the_old_file_and_the_journal(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the disk is full while the file is made anew, nothing that was there is lost."""
    path = tmp_path / f"r{suffix}"
    _collect(path, records([0]))
    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(archive, "put_in_place", _no_space)
        with pytest.raises(OSError, match="no space"):
            _collect(path, records([1]))
    assert path.read_bytes() == old
    _collect(path, [])
    assert READERS[suffix](path) == [f"{BATCH}.0", f"{BATCH}.1"]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def _no_space(_new: Path, _path: Path) -> None:
    raise OSError("no space")


@KINDS
def test_a_file_that_is_gone_on_with_keeps_what_the_service_forgot(suffix: str, tmp_path: Path) -> None:
    """Rows of a finished file stay, whether or not they are given again, and later tries replace earlier ones."""
    path = tmp_path / f"r{suffix}"
    _collect(path, records(range(3), state=pb.JOB_STATE_FAILED))
    _collect(path, [*records([1], tries=2), *records([7])])
    assert [(row.facts["id"], row.facts["state"]) for row in _rows(path)] == [
        (f"{BATCH}.0", "FAILED"),
        (f"{BATCH}.1:2", "SUCCEEDED"),
        (f"{BATCH}.2", "FAILED"),
        (f"{BATCH}.7", "SUCCEEDED"),
    ]


@KINDS
@pytest.mark.parametrize("data", [b"hello", b"PK\x05\x06" + bytes(18), b"\x02" + bytes(7) + b"{}"])
def test_a_file_of_something_else_is_left_as_it_is(suffix: str, data: bytes, tmp_path: Path) -> None:
    """A file that holds no results is refused, and not a byte of it changes."""
    path = tmp_path / f"mine{suffix}"
    path.write_bytes(data)
    with pytest.raises(typer.BadParameter, match=r"mine\..* was left as it is"):
        ArchiveFile(path)
    assert [(entry.name, entry.read_bytes()) for entry in tmp_path.iterdir()] == [(path.name, data)]


@KINDS
def test_an_empty_file_is_filled(suffix: str, tmp_path: Path) -> None:
    """A name that a script has reserved with an empty file holds nothing that could be lost."""
    path = tmp_path / f"r{suffix}"
    path.touch()
    _collect(path, records([4]))
    assert READERS[suffix](path) == [f"{BATCH}.4"]


def test_a_foreign_journal_is_left_as_it_is(tmp_path: Path) -> None:
    """A file that has the journal's name by chance is no journal, and stays."""
    journal = tmp_path / "r.npz.journal"
    journal.write_text("dear diary")
    with pytest.raises(typer.BadParameter, match=r"r.npz.journal: this is no journal of results"):
        ArchiveFile(tmp_path / "r.npz")
    assert journal.read_text() == "dear diary"


@KINDS
def test_a_second_writer_is_turned_away(suffix: str, tmp_path: Path) -> None:
    """Two processes never write one file."""
    first = ArchiveFile(tmp_path / f"r{suffix}")
    with pytest.raises(OutputBusy, match="another process is writing it"):
        ArchiveFile(tmp_path / f"r{suffix}")
    first.close()


def test_only_known_kinds_of_files_are_written() -> None:
    """Another suffix is refused with those that there are."""
    with pytest.raises(typer.BadParameter, match=r"r\.csv: results are written to \.jsonl, .*\.parquet"):
        open_results("r.csv")


def test_results_can_go_down_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    """With - for a name, rows are lines on standard output, each once."""
    file = open_results("-")
    assert file.add(records([1, 2])) == 2
    assert file.add(records([2])) == 0
    file.finish()
    file.close()
    assert [json.loads(line)["index"] for line in capsys.readouterr().out.splitlines()] == [1, 2]
