from __future__ import annotations

import keyword

import pytest

from pullback.contract.errors import InvalidArgument, ProgramError
from pullback.contract.program import check_names, compile_program, valid_name
from pullback.contract.program.ir import DTypeName
from pullback.contract.program.names import CONSTANTS
from pullback.contract.tensors import BY_NAME


@pytest.mark.parametrize("name", ["x", "X1", "learning_rate", "a" * 64, "match", "sum"])
def test_ordinary_names_are_valid(name: str) -> None:
    """A letter and more letters, digits and underscores make a name."""
    assert valid_name(name) is None


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "1x",
            "_x",
            "__class__",
            "x-y",
            "x y",
            "x\n",
            "x.y",
            "\xe9",
            "\u0445",
            "a" * 65,
            "lambda",
            "None",
        ),
        *("torch", "F", "math", "print", "float", "int", "abs", "len"),
    ],
)
def test_other_names_are_not_valid(name: str) -> None:
    """Names that would not be one ASCII identifier, or that mean something already, are refused with a reason."""
    assert valid_name(name)


@pytest.mark.parametrize("name", keyword.kwlist)
def test_no_keyword_is_a_name(name: str) -> None:
    """A keyword could never be read back."""
    assert valid_name(name)


def test_every_data_type_has_its_name_in_torch() -> None:
    """``torch.float64`` and its kin are literals of the language, aliases included."""
    assert {f"torch.{name}": DTypeName(name) for name in BY_NAME}.items() <= CONSTANTS.items()
    assert CONSTANTS["torch.double"] == DTypeName("float64")
    assert {value.name for value in CONSTANTS.values() if isinstance(value, DTypeName)} == set(BY_NAME)


def test_an_input_that_is_not_sent_is_an_unknown_name_with_its_place() -> None:
    """The place is the first one that reads the name, and the suggestion is among inputs and assigned names."""
    program = compile_program("a = rate * 2\ny = rat + rat")

    with pytest.raises(ProgramError, match="unknown name 'rat'") as caught:
        check_names(program, ["rate"])

    assert caught.value.metadata == {"line": "2", "column": "5", "suggestion": "rate"}


def test_known_inputs_let_the_compiler_find_the_unknown_name() -> None:
    """With the inputs at hand, the compiler itself refuses a name that is none of them."""
    with pytest.raises(ProgramError, match="did you mean 'weights'"):
        compile_program("y = wieghts * 2", inputs={"weights"})

    with pytest.raises(ProgramError, match="unknown name 'x'"):
        compile_program("y = x", inputs=())


def test_a_name_is_unknown_before_it_is_bound() -> None:
    """Statements are read in order: a later assignment does not reach back."""
    program = compile_program("y = z\nz = x")

    with pytest.raises(ProgramError, match="unknown name 'z'"):
        check_names(program, ["x"])


def test_an_output_must_be_bound_at_the_end() -> None:
    """The error names the output by its index and suggests a name that is bound."""
    program = compile_program("value = x")

    with pytest.raises(InvalidArgument) as caught:
        check_names(program, ["x"], ["value", "valu"])

    assert caught.value.field == "outputs[1]"
    assert caught.value.metadata == {"suggestion": "value"}


def test_an_input_that_the_program_reads_can_be_an_output() -> None:
    """Inputs are names like others."""
    assert check_names(compile_program("y = 2*x"), ["x"], ["x", "y"]) == ("x", "y")


def test_a_derivative_is_by_an_input_or_by_a_name_that_the_program_binds() -> None:
    """An input that it does not read is one too."""
    program = compile_program("h = x + 1\ny = 2*h")

    assert check_names(program, ["x", "unused"], (), ["unused", "x", "h"]) == ("y",)
    with pytest.raises(InvalidArgument, match="neither an input nor a name that the program binds") as caught:
        check_names(program, ["x"], (), ["x", "z"])
    assert caught.value.field == "wrt[1]"


@pytest.mark.parametrize("field", ["outputs", "wrt"])
def test_no_name_is_asked_for_twice(field: str) -> None:
    """The second of two equal names is the wrong one."""
    with pytest.raises(InvalidArgument) as caught:
        check_names(compile_program("x = 2*x"), ["x"], **{field: ["x", "x"]})

    assert caught.value.field == f"{field}[1]"


def test_the_default_output_is_what_the_program_makes_last() -> None:
    """The last assigned name is returned; a last bare expression wins, and is called result."""
    assert check_names(compile_program("a = x\nb = a\nprint(a)"), ["x"]) == ("b",)
    assert check_names(compile_program("a = x\na + 1"), ["x"]) == ("result",)


@pytest.mark.parametrize("source", ["print(x)", "x.backward()"])
def test_a_program_that_only_prints_or_runs_backward_has_no_output(source: str) -> None:
    """Printed text and gradients are results too."""
    assert check_names(compile_program(source), ["x"]) == ()


@pytest.mark.parametrize("source", ["", "# nothing", "import torch", "'''text'''"])
def test_a_program_that_does_nothing_is_refused(source: str) -> None:
    """There is nothing to return."""
    with pytest.raises(InvalidArgument, match="makes no value"):
        check_names(compile_program(source), [])
