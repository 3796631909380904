from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pullback.contract.errors import LimitExceeded, ProgramError
from pullback.contract.program import OPS, compile_program
from pullback.contract.program.ops import KINDS, STRING_KINDS, TABLE_VERSION, Binding, Signature, version
from pullback.contract.program.ops.signature import rows

if TYPE_CHECKING:
    from pullback.contract.errors import PullbackError

# What may begin a key.
OWNERS = {
    *("torch", "torch.autograd", "torch.fft", "torch.linalg", "torch.nn.functional", "torch.special"),
    *("Tensor", "Tensor.grad", "Tuple", "builtins", "math", "operator"),
}

# Words that no row may hold: memory that nobody wrote, files, code, hooks, other devices, pointers.
FORBIDDEN = re.compile(
    r"empty|resize|as_strided|set_|storage|load|save|from_file|numpy|dlpack|data_ptr|eval|exec|compile|apply|hook"
    r"|normal_|cuda|cpu|pin_memory|sparse|quantize|vmap|unsafe|\bout\b|inplace"
    r"|device|layout|generator|memory_format|__|\bos\b|\bsys\b"
)

# What changes something in place, or seems to.
IN_PLACE = {"Tensor.requires_grad_", "Tensor.grad.zero_", "operator.and_", "operator.or_"}


def test_every_key_is_a_dotted_name_of_a_known_owner() -> None:
    """A key is matched as a whole, so its owner says all about where it leads."""
    assert {key.rpartition(".")[0] for key in OPS} == OWNERS
    assert all(row.key == key for key, row in OPS.items())


def test_no_row_reaches_outside_of_the_computation() -> None:
    """Neither a key nor a parameter gives memory, files, code, a foreign generator or devices."""
    assert [key for key in OPS if FORBIDDEN.search(key)] == []
    params = {param.name for op in OPS.values() for signature in op.signatures for param in signature.params}
    assert [name for name in params if FORBIDDEN.search(name)] == []


def test_what_draws_random_numbers_says_so() -> None:
    """It is given the evaluation's generator, and never runs beside other evaluations."""
    drawn = re.compile(
        r"\.(rand|manual_seed|dropout|alpha_dropout|bernoulli|multinomial|normal$|poisson$|gumbel)"
    )
    assert {key for key in OPS if drawn.search(key)} == {key for key, op in OPS.items() if op.random}
    assert not any(op.batch_safe for op in OPS.values() if op.random or op.data_sized)


def test_only_two_rows_change_a_tensor() -> None:
    """No trailing underscore but these."""
    assert {key for key in OPS if key.endswith("_")} == IN_PLACE


def test_the_table_cannot_be_changed() -> None:
    """It is shared by all that reads it."""
    with pytest.raises(TypeError):
        OPS["torch.load"] = OPS["torch.sin"]  # type: ignore[index]


def test_every_row_is_well_formed() -> None:
    """Kinds are known, strings have choices, and what is required comes before what is not."""
    for signature in (signature for op in OPS.values() for signature in op.signatures):
        names = [param.name for param in signature.params]
        assert len(set(names)) == len(names)
        positional = [param for param in signature.params if not param.keyword_only]
        assert sorted(positional, key=lambda param: not param.required) == positional
        assert not any(param.variadic for param in positional[:-1])
        for param in signature.params:
            assert set(param.kinds) <= KINDS.keys()
            assert bool(param.choices) == ("enum" in param.kinds)


def test_methods_attributes_and_operators_take_what_they_are_called_on() -> None:
    """The receiver is the first parameter, required and never by name only."""
    for op in OPS.values():
        if op.kind in ("method", "attribute", "operator"):
            for signature in op.signatures:
                assert signature.params[0].required
                assert not signature.params[0].keyword_only


def test_fields_are_read_from_tuples() -> None:
    """A named tuple is no tensor, and the kind of its receiver must let it through."""
    receivers = {key: op.signatures[0].params[0].kinds for key, op in OPS.items() if op.kind == "attribute"}
    assert {kinds for key, kinds in receivers.items() if key.startswith("Tuple.")} == {("any",)}
    assert {kinds for key, kinds in receivers.items() if key.startswith("Tensor.")} == {("tensor",)}


def test_pointwise_rows_are_elementwise() -> None:
    """Nothing that reduces, moves, orders or multiplies matrices is called pointwise."""
    wrong = {
        "sum",
        "mean",
        "max",
        "matmul",
        "softmax",
        "sort",
        "cumsum",
        "getitem",
        "reshape",
        "glu",
        "layer_norm",
    }
    assert not [key for key, op in OPS.items() if op.pointwise and key.rpartition(".")[2] in wrong]
    right = (
        "torch.sin",
        "Tensor.exp",
        "operator.add",
        "torch.where",
        "torch.nn.functional.relu",
        "torch.clamp",
    )
    assert all(OPS[key].pointwise for key in right)


def test_comparisons_carry_no_gradient() -> None:
    """What makes booleans or counts is not differentiable, what computes is."""
    assert not any(
        OPS[key].differentiable for key in ("operator.lt", "torch.isnan", "Tensor.argmax", "torch.zeros")
    )
    assert all(
        OPS[key].differentiable for key in ("operator.mul", "torch.sum", "Tensor.T", "torch.autograd.grad")
    )


def test_a_row_is_read_from_one_line() -> None:
    """Names, kinds, choices, defaults, keyword-only and variadic parameters are all in the notation."""
    row = rows("torch Tensor", "f(a, *b: sizes, *, c?: none|enum[x,y])")[0]

    first, second, third = row.signatures[0].params
    assert (first.name, first.kinds, first.required) == ("a", ("tensor",), True)
    assert (second.variadic, second.kinds) == (True, ("sizes",))
    assert (third.keyword_only, third.required) == (True, False)


@pytest.mark.parametrize("line", ["f(", "f(a: nothing)", "f(a b)", "f g"])
def test_a_line_that_is_no_signature_is_refused(line: str) -> None:
    """A typing error in the table stops the import."""
    with pytest.raises(ValueError, match=r"not a|no kind"):
        rows("torch", line)


def _signature(text: str) -> Signature:
    (row,) = rows("torch", text)
    (signature,) = row.signatures
    return signature


@pytest.mark.parametrize(
    ("positional", "keywords", "names"),
    [
        (2, [], ["a", "b"]),
        (1, ["b"], ["a"]),
        (0, ["b", "a"], []),
        (2, ["c", "d"], ["a", "b"]),
        (3, ["d"], ["a", "b", "c"]),
    ],
)
def test_arguments_are_matched_by_position_and_name(
    positional: int, keywords: list[str], names: list[str]
) -> None:
    """As Python would."""
    binding = _signature("f(a, b, c?, *, d?)").bind(positional, keywords)

    assert isinstance(binding, Binding)
    assert [param.name for param in binding.positional] == names
    assert {name: param.name for name, param in binding.keywords.items()} == {name: name for name in keywords}


@pytest.mark.parametrize(
    ("positional", "keywords", "problem"),
    [
        (1, [], "lacks the argument 'b'"),
        (4, [], "too many"),
        (2, ["a"], "two values"),
        (2, ["é"], r"no argument '\xe9'"),
    ],
)
def test_arguments_that_do_not_match_are_explained(
    positional: int, keywords: list[str], problem: str
) -> None:
    """As Python would, in words."""
    outcome = _signature("f(a, b, c?, *, d?)").bind(positional, keywords)

    assert isinstance(outcome, str)
    assert problem in outcome


def test_a_variadic_parameter_takes_the_rest() -> None:
    """Items one by one belong to one parameter."""
    binding = _signature("f(a, *b: sizes)").bind(4, [])

    assert isinstance(binding, Binding)
    assert [param.name for param in binding.positional] == ["a", "b", "b", "b"]


def test_string_arguments_are_few() -> None:
    """Strings name a choice or an equation, never a thing to look up."""
    assert KINDS.keys() >= STRING_KINDS
    equations = [op.key for op in OPS.values() if "equation" in str(op.signatures)]
    assert equations == ["torch.einsum"]


@pytest.mark.parametrize(
    ("kind", "value", "is_outside"),
    [
        ("int[-64..64]", 64, False),
        ("int[-64..64]", -65, True),
        ("int[-64..64]", True, False),
        ("ints[1..4096]|enum[same]", [1, 0], True),
        ("ints[1..4096]|enum[same]", "same", False),
        ("size[0..2**20]", 2**20 + 1, True),
        ("float[0..1]", 0.5, False),
        ("float[0..1]", float("nan"), True),
        ("float[0..]", 1e300, False),
        ("int[1..]", 2**31 + 1, True),
        ("int", -(2**31), False),
        ("int", 2**31 + 1, True),
        ("number", 2**62, False),
    ],
)
def test_a_number_is_held_against_the_range_of_its_row(kind: str, value: object, is_outside: bool) -> None:
    """Both ends are in the range; without one, whole numbers have the bound of any size."""
    (param,) = _signature(f"f(a: {kind})").params
    assert (param.outside(value) is not None) is is_outside


def test_only_a_size_can_be_too_much() -> None:
    """A size above its range asks for too much; below it, or of another kind, a number is wrong."""
    size, other = _signature("f(n: size[1..8], k: int[1..8])").params
    assert [param.outside(9) and param.outside(9).is_too_much for param in (size, other)] == [True, False]  # type: ignore[union-attr]
    assert size.outside(0).is_too_much is False  # type: ignore[union-attr]


def test_a_row_names_the_checks_of_its_operands() -> None:
    """They stand behind the line, are those of all overloads, and must exist."""
    (row,) = rows("torch", "f(a) !finite\nf(a, b) !quotient")
    assert row.checks == ("finite", "quotient")
    assert [signature.text for signature in row.signatures] == ["f(a)", "f(a, b)"]
    with pytest.raises(ValueError, match="no check"):
        rows("torch", "f(a) !nothing")


def test_the_version_of_the_table_says_all_that_its_rows_say() -> None:
    """No row can change without a change of the version, and the order of rows is no part of it."""
    (row,) = rows("torch", "f(a, n: int[0..8])")
    table = {"torch.f": row}
    others = [
        replace(row, differentiable=False),
        replace(row, checks=("finite",)),
        *rows("torch", "f(a, n: int[0..9])"),
    ]
    assert len({version({"torch.f": other}) for other in others} | {version(table)}) == len(others) + 1
    assert version(OPS) == TABLE_VERSION == version(dict(reversed([*OPS.items()])))


@pytest.mark.parametrize(
    ("program", "error", "words"),
    [
        ("y = torch.matrix_power(x, 65)", ProgramError, "'n' is from -64 to 64, not 65"),
        ("y = x.matrix_power(n=-65)", ProgramError, "'n' is from -64 to 64, not -65"),
        ("y = F.conv1d(x, x, stride=[1, 0])", ProgramError, "'stride' is from 1 to 4,096, not 0"),
        ("y = F.cross_entropy(x, x, label_smoothing=1.5)", ProgramError, "not 1.5"),
        ("y = torch.fft.fft(x, n=10**0, dim=0)", None, ""),
        ("y = torch.fft.fft(x, n=2000000)", LimitExceeded, "2,000,000 for 'n', but the limit is 1,048,576"),
    ],
)
def test_a_literal_out_of_range_is_refused_where_it_stands(
    program: str, error: type[PullbackError] | None, words: str
) -> None:
    """The gateway needs no torch to see it."""
    if error is None:
        compile_program(program)
        return
    with pytest.raises(error) as raised:
        compile_program(program)
    assert words in raised.value.message
