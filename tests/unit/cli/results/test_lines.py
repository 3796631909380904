from __future__ import annotations

import errno
import json
import os
from typing import TYPE_CHECKING

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.cli.results.samples import BATCH, ids_in_lines, records

from pullback.cli.results import OutputBusy
from pullback.cli.results.lines import LinesFile
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from pathlib import Path


def _collect(path: Path, indices: range, **facts: pb.JobState) -> int:
    file = LinesFile(path)
    try:
        return file.add(records(indices, **facts))
    finally:
        file.close()


def test_a_row_tells_all_that_a_script_asks_for(tmp_path: Path) -> None:
    """A line holds id, place, state, labels, tensors as numbers, and times."""
    path = tmp_path / "r.jsonl"
    _collect(path, range(3, 4))
    row = json.loads(path.read_text())
    assert row == {
        "id": "night-1.3",
        "index": 3,
        "state": "SUCCEEDED",
        "labels": {"kind": "quartic", "pullback/batch": "night-1"},
        "error": None,
        "values": {"y": 6.0},
        "gradients": {"x": [3.0, 4.0, 5.0]},
        "absent_gradients": {},
        "printed": "",
        "device": "cpu",
        "worker": "w1",
        "engine": "0.1.0+torch2.13.0",
        "attempts": 1,
        "created": "2023-11-14T22:13:20.003Z",
        "started": "2023-11-14T22:13:20.008Z",
        "finished": "2023-11-14T22:13:20.012Z",
        "reuse": None,
        "reused_from": None,
    }


def test_a_failure_is_a_row_with_its_error(tmp_path: Path) -> None:
    """A job without a result has status, reason, field and message of its error."""
    path = tmp_path / "r.jsonl"
    _collect(path, range(1), state=pb.JOB_STATE_FAILED)
    row = json.loads(path.read_text())
    assert row["state"] == "FAILED"
    assert row["error"] == {
        "status": "INTERNAL",
        "reason": "WORKER_LOST",
        "field": "program",
        "message": "its worker was lost 5 times",
    }


def test_torn_at_any_byte_a_file_is_completed_without_a_row_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever prefix of the file a kill leaves, collecting again gives the same rows, each once."""
    monkeypatch.setattr(os, "fsync", lambda _: None)  # as many times as there are bytes
    whole = tmp_path / "whole.jsonl"
    _collect(whole, range(2))
    data = whole.read_bytes()
    path = tmp_path / "torn.jsonl"
    for length in range(len(data) + 1):
        path.write_bytes(data[:length])
        _collect(path, range(2))
        assert sorted(path.read_bytes().splitlines()) == sorted(data.splitlines()), length


def test_a_tail_of_zeros_is_cut_off(tmp_path: Path) -> None:
    """What a power cut leaves of a last write, bytes that were never written, is no row."""
    path = tmp_path / "r.jsonl"
    _collect(path, range(1))
    path.write_bytes(path.read_bytes() + b'{"id": "ni' + bytes(100))
    assert _collect(path, range(2)) == 1
    assert ids_in_lines(path) == [f"{BATCH}.0", f"{BATCH}.1"]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 9)), max_size=6))
def test_rows_given_many_times_are_written_once(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[int]]
) -> None:
    """The rows of a file are those that were given, in the order in which each came first."""
    path = tmp_path_factory.mktemp("lines") / "r.jsonl"
    for run in runs:
        file = LinesFile(path)
        file.add(records(run))
        file.close()
    given_in_order = dict.fromkeys(index for run in runs for index in run)
    assert (ids_in_lines(path) if runs else []) == [f"{BATCH}.{index}" for index in given_in_order]


@pytest.mark.parametrize(
    "text", ["hello\n", "hello", '{"x": 1}\n', "[1]\n", "3\n", "\n", '{"id": 5}\n', "\0\0x"]
)
def test_a_file_of_something_else_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    """A file that holds no results is refused with its line, and not a byte of it changes."""
    path = tmp_path / "notes.jsonl"
    path.write_text(text)
    with pytest.raises(typer.BadParameter, match=r"notes.jsonl:1: this is no line of results"):
        LinesFile(path)
    assert path.read_text() == text


def test_a_second_writer_is_turned_away(tmp_path: Path) -> None:
    """Two processes never write one file."""
    path = tmp_path / "r.jsonl"
    first = LinesFile(path)
    with pytest.raises(OutputBusy, match="another process is writing it"):
        LinesFile(path)
    first.close()
    LinesFile(path).close()


def test_a_later_try_replaces_the_row_of_an_earlier_one(tmp_path: Path) -> None:
    """When a failed row was tried again, the file has the new outcome alone, though the clock was set back."""
    path = tmp_path / "r.jsonl"
    _collect(path, range(3), state=pb.JOB_STATE_FAILED)
    file = LinesFile(path)
    assert file.add(records([1], tries=2, created=1_600_000_000)) == 1
    assert file.add(records([1], state=pb.JOB_STATE_FAILED)) == 0
    file.finish()
    file.close()
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["id"], row["index"], row["state"]) for row in rows] == [
        ("night-1.0", 0, "FAILED"),
        ("night-1.2", 2, "FAILED"),
        ("night-1.1:2", 1, "SUCCEEDED"),
    ]


def test_many_rows_are_kept_when_some_are_replaced(tmp_path: Path) -> None:
    """In a file longer than any buffer, each row stays what it was, but for those that were tried again."""
    path = tmp_path / "r.jsonl"
    _collect(path, range(1_000), state=pb.JOB_STATE_FAILED)
    file = LinesFile(path)
    file.add(records(range(0, 1_000, 100), tries=2))
    file.finish()
    file.close()
    again = [index for index in range(1_000) if index % 100 == 0]
    kept = [index for index in range(1_000) if index % 100]
    assert ids_in_lines(path) == [f"{BATCH}.{index}" for index in kept] + [
        f"{BATCH}.{index}:2" for index in again
    ]


def test_killed_before_the_earlier_try_is_taken_out_a_file_recovers(tmp_path: Path) -> None:
    """Two lines for one row, as a kill leaves them, become one when the file is opened."""
    path = tmp_path / "r.jsonl"
    _collect(path, range(2), state=pb.JOB_STATE_FAILED)
    file = LinesFile(path)
    file.add(records([0], tries=2))
    file.close()
    assert len(ids_in_lines(path)) == 3
    LinesFile(path).close()
    assert ids_in_lines(path) == [f"{BATCH}.1", f"{BATCH}.0:2"]


def test_on_a_full_disk_no_part_of_a_row_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails in the middle leaves the file as it was, and the rows can be added again."""
    path = tmp_path / "r.jsonl"
    file = LinesFile(path)
    file.add(records([0]))
    before, write = path.read_bytes(), os.write

    def full(fd: int, data: memoryview) -> int:
        if len(data) <= 10:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(
            os, "write", lambda fd, data: full(fd, data) if len(data) < 700 else write(fd, data[:-600])
        )
        with pytest.raises(OSError, match="No space left"):
            file.add(records([1, 2]))
    assert path.read_bytes() == before
    assert file.add(records([1, 2])) == 2
    file.close()
    assert ids_in_lines(path) == [f"{BATCH}.{index}" for index in range(3)]
