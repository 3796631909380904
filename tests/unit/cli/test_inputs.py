from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer

from pullback.cli.inputs import read_bindings, read_names, read_program, read_specs
from pullback.client import Spec
from pullback.contract.tensors import BY_CODE, decode

if TYPE_CHECKING:
    from pathlib import Path


def _read(text: str) -> tuple[str, Any]:
    [tensor] = read_bindings([text]).values()
    return BY_CODE[tensor.dtype].name, decode(tensor).tolist()


@pytest.mark.parametrize(
    ("text", "dtype", "value"),
    [
        ("x=2", "float32", 2.0),
        ("x=-2.5e3", "float32", -2500.0),
        ("x=inf", "float32", float("inf")),
        ("x=[[1,2],[3,4]]", "float32", [[1.0, 2.0], [3.0, 4.0]]),
        ("x=[1., Infinity]", "float32", None),
        ("x=[Infinity]", "float32", [float("inf")]),
        ("x=(1, 2.)", "float32", [1.0, 2.0]),
        ("x=[]", "float32", []),
        ("x=true", "bool", True),
        ("x=[True, False]", "bool", [True, False]),
        ("x=1+2j", "complex64", 1 + 2j),
        ("x:int64=2", "int64", 2),
        ("x:float64=[0.1]", "float64", [0.1]),
        ("x:bfloat16=1.5", "bfloat16", 1.5),
        ("x:bool=[1,0]", "bool", [True, False]),
    ],
)
def test_a_value_gets_its_data_type(text: str, dtype: str, value: object) -> None:
    """Numbers are float32 unless a data type is named; truth values and complex numbers are what they are."""
    if value is None:  # Python's list syntax with JSON's infinity is neither's
        with pytest.raises(typer.BadParameter):
            _read(text)
    else:
        assert _read(text) == (dtype, value)


def test_a_file_keeps_its_data_type_unless_told(tmp_path: Path) -> None:
    """Arrays are read from .npy files, in any byte order."""
    np.save(tmp_path / "a.npy", np.array([1, 2], dtype=">i2"))
    assert _read(f"x=@{tmp_path}/a.npy") == ("int16", [1, 2])
    assert _read(f"x:float64=@{tmp_path}/a.npy") == ("float64", [1.0, 2.0])


def test_a_file_of_objects_is_never_unpickled(tmp_path: Path) -> None:
    """An .npy file that holds pickled objects is refused."""
    np.save(tmp_path / "a.npy", np.array([object()]), allow_pickle=True)
    with pytest.raises(typer.BadParameter):
        _read(f"x=@{tmp_path}/a.npy")


def test_a_file_that_is_no_array_is_told_from_an_archive_of_some(tmp_path: Path) -> None:
    """The message says what the file is not, and what writes the right one."""
    np.savez(tmp_path / "a.npz", np.zeros(2))
    (tmp_path / "a.npy").write_text("1, 2\n")
    (tmp_path / "empty.npy").touch()
    for name, message in (
        ("a.npz", "is an archive, as .npz files are; save its one array with numpy.save"),
        ("a.npy", "is not a .npy file, as numpy.save writes"),
        ("empty.npy", "is not a .npy file"),
    ):
        with pytest.raises(typer.BadParameter, match=message):
            _read(f"x=@{tmp_path}/{name}")


def test_a_big_integer_is_a_float_as_any_number() -> None:
    """Digits without a point are no int64 unless it is asked for."""
    assert _read("x=18446744073709551616") == ("float32", 2.0**64)
    assert _read("x=[36893488147419103232, 1]") == ("float32", [2.0**65, 1.0])
    assert _read("x:float64=[1180591620717411303424, 0.5]") == ("float64", [2.0**70, 0.5])


@pytest.mark.parametrize(
    ("text", "dtype"),
    [
        ("x=1" + "0" * 400, "float32"),
        ("x:int64=9223372036854775808", "int64"),
        ("x:int64=[1, 36893488147419103232]", "int64"),
        ("x:uint8=256", "uint8"),
    ],
)
def test_an_integer_out_of_range_is_said_to_be(text: str, dtype: str) -> None:
    """What a data type cannot hold is not wrapped around, and not called something else than a number."""
    with pytest.raises(typer.BadParameter, match=f"cannot become {dtype}: a number is out of its range"):
        _read(text)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "=2",
        "x=",
        "x=two",
        "x='2'",
        "x={}",
        "x=null",
        "x=[[1],[1,2]]",
        "x:int64=2.5",
        "x:int7=2",
        "x=__import__('os')",
        "x=" + "[" * 100_000,
        "x=@nowhere.npy",
    ],
)
def test_what_is_no_tensor_is_wrong_usage(text: str) -> None:
    """The command says what it could not read."""
    with pytest.raises(typer.BadParameter):
        read_bindings([text])


def test_a_name_is_given_once() -> None:
    """Of two values for one name neither is chosen."""
    with pytest.raises(typer.BadParameter, match="x is given twice"):
        read_bindings(["x=1", "x=2"])


def test_names_are_split_at_commas_and_over_options() -> None:
    """``--wrt x,w --wrt b`` names three."""
    assert read_names(["x, w", "b", ""]) == ["x", "w", "b"]


def test_a_program_is_text_a_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three give the source text unchanged."""
    (tmp_path / "p.py").write_text("y = x\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("y = w\n"))
    assert read_program("y = 2*x") == "y = 2*x"
    assert read_program(f"@{tmp_path}/p.py") == "y = x\n"
    assert read_program("-") == "y = w\n"


def test_a_program_file_that_is_not_there_is_named_once(tmp_path: Path) -> None:
    """The message has the file's name and the reason, without Python's number of the error."""
    with pytest.raises(typer.BadParameter) as refused:
        read_program(f"@{tmp_path}/p.py")
    assert refused.value.message == f"{tmp_path}/p.py: No such file or directory"


def test_a_byte_order_mark_is_no_part_of_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Editors that write one do not make a program wrong."""
    (tmp_path / "p.py").write_text("y = x\n", encoding="utf-8-sig")
    monkeypatch.setattr("sys.stdin", io.StringIO("\ufeffy = w\n"))
    assert read_program(f"@{tmp_path}/p.py") == "y = x\n"
    assert read_program("-") == "y = w\n"


def test_a_file_that_is_no_text_is_wrong_usage(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are not UTF-8 are told apart from a wrong program."""
    (tmp_path / "p.py").write_bytes(b"\xff")
    for place in ("p.py", "missing.py", ""):
        with pytest.raises(typer.BadParameter):
            read_program(f"@{tmp_path}/{place}")


def test_a_description_has_a_type_and_sizes_and_no_value() -> None:
    """Beside it, a value is read as for an evaluation."""
    found = read_specs(["x:float64[64,3]", "n:int8[]", "w=[1,2]"])
    assert found["x"] == Spec("float64", (64, 3))
    assert found["n"] == Spec("int8")
    assert found["w"] == read_bindings(["w=[1,2]"])["w"]


@pytest.mark.parametrize("texts", [["x:float32[3"], ["x"], ["x:float32[a]"], ["x=1", "x:float32[]"]])
def test_what_describes_nothing_is_wrong_usage(texts: list[str]) -> None:
    """Neither a description nor a value, or a name twice."""
    with pytest.raises(typer.BadParameter):
        read_specs(texts)
