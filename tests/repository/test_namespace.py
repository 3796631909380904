from __future__ import annotations

import importlib
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import pullback

if TYPE_CHECKING:
    from pathlib import Path

ROOTS = ["proto", "services", "workers"]
ROOMS = [
    "proto/pullback/v1",
    "proto/pullback/contract",
    "services/pullback/broker",
    "services/pullback/cli",
    "services/pullback/client",
    "services/pullback/gateway",
    "services/pullback/telemetry",
    "workers/pullback/engine",
    "workers/pullback/evaluator",
    "workers/pullback/worker",
]


@pytest.mark.parametrize("source", ROOTS)
def test_no_root_has_an_init_file(source: str, root: Path) -> None:
    """An __init__.py in one of the three folders would hide the other two."""
    assert not root.joinpath(source, "pullback", "__init__.py").exists()


def test_the_namespace_spans_the_three_roots(root: Path) -> None:
    """In a development install, pullback is found in all three source roots and nowhere else."""
    assert sorted(pullback.__path__) == [str(root / source / "pullback") for source in ROOTS]


def test_an_init_file_in_one_root_does_hide_the_others(tmp_path: Path) -> None:
    """The trap that the test above guards against is real."""
    for source, room in [("one", "a"), ("two", "b")]:
        tmp_path.joinpath(source, "space", room).mkdir(parents=True)
    tmp_path.joinpath("one/space/__init__.py").touch()
    code = (
        f"import sys; sys.path[:0] = [{str(tmp_path / 'one')!r}, {str(tmp_path / 'two')!r}]; import space.b"
    )
    result = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert "No module named 'space.b'" in result.stderr


def test_every_room_is_known_and_says_that_it_is_typed(root: Path) -> None:
    """Each portion has a py.typed of its own, for there is no root package to hold one."""
    found = {
        str(folder.relative_to(root))
        for source in ROOTS
        for folder in root.joinpath(source, "pullback").iterdir()
        if folder.is_dir() and folder.name != "__pycache__"
    }
    assert found == set(ROOMS)
    assert all(root.joinpath(room, "py.typed").is_file() for room in ROOMS)


@pytest.mark.parametrize(
    "room", [room for room in ROOMS if room.partition("/pullback/")[2] not in {"v1", "contract"}]
)
def test_a_room_lists_its_public_names_and_has_them_all(room: str) -> None:
    """Each room but the shared ones, whose modules are their doors, exports a list of names by hand."""
    module = importlib.import_module(room.partition("/")[2].replace("/", "."))
    assert module.__all__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
