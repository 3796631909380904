from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def wheel(root: Path, files: list[Path], tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """A wheel built from a copy of the committed files, without the network."""
    copy = tmp_path_factory.mktemp("copy")
    for file in files:
        copy.joinpath(file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / file, copy / file)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel"]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = copy.joinpath("dist").glob("*.whl")
    return zipfile.ZipFile(built)


def _packaged(files: list[Path]) -> set[str]:
    """The files of the three source roots, as a wheel names them."""
    return {
        str(file.relative_to(file.parts[0]))
        for file in files
        if file.parts[0] in {"proto", "services", "workers"} and file.parts[1] == "pullback"
    }


def test_the_wheel_holds_every_file_of_the_three_roots(wheel: zipfile.ZipFile, files: list[Path]) -> None:
    """Nothing that is committed below a pullback folder is left out, and nothing else comes in."""
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == _packaged(files)


@pytest.mark.parametrize(
    "name",
    [
        "pullback/v1/gradient_pb2.py",
        "pullback/v1/gradient_pb2.pyi",
        "pullback/v1/gradient_pb2_grpc.py",
        "pullback/v1/gradient.proto",
        "pullback/v1/py.typed",
        "pullback/broker/py.typed",
        "pullback/broker/lua/accept.lua",
        "pullback/engine/py.typed",
    ],
)
def test_what_is_easily_left_out_is_in_the_wheel(name: str, wheel: zipfile.ZipFile) -> None:
    """Stubs, Lua and the typing marks are package data that a build can lose in silence."""
    assert name in wheel.namelist()


def test_the_wheel_carries_its_licence_and_its_command(wheel: zipfile.ZipFile) -> None:
    """The licence's whole text and the `pullback` command come along."""
    (licence,) = (name for name in wheel.namelist() if name.endswith("licenses/LICENSE"))
    text = wheel.read(licence).decode()
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
    (entries,) = (name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "pullback = pullback.cli:main" in wheel.read(entries).decode()
