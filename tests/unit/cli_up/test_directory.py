from __future__ import annotations

from pathlib import Path

import pytest

from pullback.broker.embedded.binary import Server
from pullback.broker.embedded.directory import DataDirectory
from pullback.broker.embedded.version import Flavour, Version
from pullback.contract.errors import InvalidArgument

REDIS = Server(Path("/bin/redis-server"), Flavour.REDIS, Version(7, 0, 15))
VALKEY = Server(Path("/bin/valkey-server"), Flavour.VALKEY, Version(9, 1, 2))


def test_a_new_directory_is_made_for_its_owner_only_and_stamped(tmp_path: Path) -> None:
    """The directory is made with its parents, closed to others, and says who may write there."""
    path = tmp_path / "a" / "b"
    with DataDirectory.take(path, REDIS):
        assert path.stat().st_mode & 0o777 == 0o700
        assert (path / "server.json").read_text() == '{"flavour":"redis","version":"7.0.15"}\n'


def test_a_directory_moves_on_to_valkey_and_not_back(tmp_path: Path) -> None:
    """Once Valkey has opened what Redis wrote, the stamp is Valkey's, and Redis is refused."""
    with DataDirectory.take(tmp_path, REDIS):
        pass
    with DataDirectory.take(tmp_path, VALKEY):
        pass
    with pytest.raises(InvalidArgument, match=r"was written by Valkey 9\.1\.2"):
        DataDirectory.take(tmp_path, REDIS)


def test_a_refused_directory_is_free_for_the_right_server(tmp_path: Path) -> None:
    """A refusal leaves neither a lock nor another stamp behind."""
    with DataDirectory.take(tmp_path, VALKEY):
        pass
    with pytest.raises(InvalidArgument):
        DataDirectory.take(tmp_path, REDIS)
    with DataDirectory.take(tmp_path, VALKEY) as directory:
        assert directory.path == tmp_path


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    """Nobody's documents get a database among them, and no unstamped database is opened."""
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InvalidArgument, match="holds files that are not ours"):
        DataDirectory.take(tmp_path, REDIS)


def test_a_stamp_that_cannot_be_read_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """When nobody knows who wrote the data, no server is let near them."""
    (tmp_path / "server.json").write_text("{")
    with pytest.raises(InvalidArgument, match="choose another data directory"):
        DataDirectory.take(tmp_path, REDIS)


def test_a_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """A file cannot be a data directory, and the error says so."""
    path = tmp_path / "file"
    path.write_text("")
    with pytest.raises(InvalidArgument, match="cannot be used: File exists"):
        DataDirectory.take(path, REDIS)
