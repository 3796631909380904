from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

import pytest

from pullback.cli.results.held import OutputBusy, open_held, put_in_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("taken_away", [False, True])
def test_a_file_that_is_put_in_place_meanwhile_is_the_one_that_is_held(
    taken_away: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our opening a file and our holding it, another process may have put a new one in its place."""
    path, new = tmp_path / "r", tmp_path / "r.new"
    path.write_text("old")
    flock, calls = fcntl.flock, [0]

    def late(fd: int, how: int) -> None:
        if not calls.pop():
            if taken_away:
                path.unlink()
            else:
                new.write_text("new")
                new.replace(path)
        calls.append(1)
        flock(fd, how)

    monkeypatch.setattr(fcntl, "flock", late)
    fd = open_held(path)
    assert os.path.samestat(os.fstat(fd), path.stat())
    assert os.pread(fd, 9, 0) == (b"" if taken_away else b"new")
    with pytest.raises(OutputBusy):
        open_held(path)
    os.close(fd)


def test_a_file_is_put_in_place_in_one_step(tmp_path: Path) -> None:
    """Under the name is the new content, and nothing remains under the other."""
    path, new = tmp_path / "r", tmp_path / "r.new"
    path.write_text("old")
    new.write_text("new")
    put_in_place(new, path)
    assert [(entry.name, entry.read_text()) for entry in tmp_path.iterdir()] == [("r", "new")]
