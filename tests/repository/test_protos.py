from __future__ import annotations

import importlib.util
import shutil
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def protos(root: Path) -> Any:
    """The module that makes and checks the stubs."""
    spec = importlib.util.spec_from_file_location("protos", root / "tools/protos.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def copy(root: Path, tmp_path: Path) -> Path:
    """A copy of proto/ that a test may spoil."""
    return shutil.copytree(root / "proto", tmp_path / "proto", ignore=shutil.ignore_patterns("contract"))


def _plant(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


def test_the_committed_stubs_are_those_of_the_protos(protos: Any, root: Path) -> None:
    """Making the stubs again changes nothing."""
    assert protos.stale(root / "proto") == []


def test_a_changed_proto_makes_the_stubs_stale(protos: Any, copy: Path) -> None:
    """The test above can fail: a new field is noticed, and the tree is left as it was."""
    _plant(
        copy / "pullback/v1/tensor.proto", "DataType dtype = 1;", "DataType dtype = 1;\n  int32 extra = 9;"
    )
    before = copy.joinpath("pullback/v1/tensor_pb2.pyi").read_text()
    assert any("extra" in line for line in protos.stale(copy))
    assert copy.joinpath("pullback/v1/tensor_pb2.pyi").read_text() == before


def test_a_stub_without_a_proto_is_stale(protos: Any, copy: Path) -> None:
    """A stub that is left behind when its proto goes is noticed."""
    copy.joinpath("pullback/v1/gone_pb2.py").write_text("GONE = 1\n")
    assert "--- committed/pullback/v1/gone_pb2.py" in protos.stale(copy)


def test_the_protos_pass_lint(protos: Any, root: Path) -> None:
    """Every element has a comment, and names follow the standard."""
    assert protos.linted(root / "proto")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  // The element type. REQUIRED.\n", "", "should have a non-empty comment"),
        ("DATA_TYPE_BOOL = 1", "BOOL = 1", 'should be prefixed with "DATA_TYPE_"'),
        ("repeated int64 shape", "repeated int64 theShape", "should be lower_snake_case"),
    ],
)
def test_lint_finds_a_planted_mistake(
    protos: Any, copy: Path, capfd: pytest.CaptureFixture[str], *, old: str, new: str, complaint: str
) -> None:
    """The test above can fail: a bare field and wrong names are reported with their place."""
    _plant(copy / "pullback/v1/tensor.proto", old, new)
    assert not protos.linted(copy)
    assert complaint in (out := capfd.readouterr().out)
    assert out.startswith("pullback/v1/tensor.proto:")
