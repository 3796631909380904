from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.cli.batch import BatchError
from pullback.cli.batch.json_lines import as_yaml
from pullback.cli.batch.yaml_text import read_yaml

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    # YAML takes keys of up to 1,024 characters as they are written; no field's name is nearly as long.
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=64), inner, max_size=4),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 1, "\t"]))
def test_json_is_read_as_json_is(value: Any, indent: int | str | None) -> None:
    """Whatever `json` writes is read as `json` reads it."""
    # Infinities have no spelling in JSON; a file says inf.
    text = json.dumps(value, indent=indent).replace("Infinity", "9e999")
    assert read_yaml(as_yaml(text), "").data == json.loads(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3), ("-1E+3", -1000.0), (".5", 0.5), ("5.", 5.0), ("+7", 7), ("007", 7), ("0x1F", 31), ("0o17", 15),
        (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("true", True), ("FALSE", False),
        ("null", None), ("~", None), ("", None), ("yes", "yes"), ("on", "on"), ("1:30", "1:30"), ("1_000", "1_000"),
        ("2030-01-31", "2030-01-31"), ("'1'", "1"), ('"true"', "true"), ("1e", "1e"), ("0b1", "0b1"), ("nan", "nan"),
    ],
)  # fmt: skip
def test_a_word_means_what_yaml_1_2_says(text: str, value: object) -> None:
    """Numbers with an exponent are numbers; yes, dates and minutes are text."""
    read = read_yaml(f"a: {text}\n", "").data["a"]
    assert (read, type(read)) == (value, type(value))


def test_each_part_knows_its_line() -> None:
    """A value below its key has the key's line; the text of a block begins in the next."""
    document = read_yaml("# head\na:\n  b: [1,\n    2]\nc: |\n  one\n  two\nd:\n\n  - x\n  - e: 1\n", "f")
    lines = {
        (): 2, ("a",): 2, ("a", "b"): 3, ("a", "b", 0): 3, ("a", "b", 1): 4, ("c",): 5, ("d",): 8, ("d", 0): 10,
        ("d", 1): 11, ("d", 1, "e"): 11,
    }  # fmt: skip
    assert {path: document.line(path) for path in lines} == lines
    assert document.line(("a", "missing", 3)) == 2
    assert document.text_line(("c",)) == 6
    assert document.text_line(("a",)) is None


def test_an_alias_is_what_its_anchor_is() -> None:
    """Where it is used, with the lines of where it stands."""
    document = read_yaml("a: &x [1, 2]\nb: *x\n", "")
    assert document.data == {"a": [1, 2], "b": [1, 2]}
    assert document.line(("b", 1)) == 1


def test_aliases_of_aliases_are_counted_before_they_fill_the_memory() -> None:
    """Thirty lines that stand for a billion parts are refused."""
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 8)}]" for n in range(1, 30)]
    with pytest.raises(BatchError, match="more than 20,000,000 parts"):
        read_yaml("\n".join(lines), "")


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{a: " * 70 + "1" + "}" * 70, "- " * 5_000])
def test_deep_nesting_is_refused(text: str) -> None:
    """However deep: the stack of the reader, and of the parser, does not end the process."""
    with pytest.raises(BatchError, match="more than 64 mappings and lists within each other"):
        read_yaml(text, "")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes another error than the one that has a place."""
    with contextlib.suppress(BatchError):
        read_yaml(text, "f")
