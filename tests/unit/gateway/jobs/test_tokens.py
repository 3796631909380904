from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.errors import InvalidArgument
from pullback.gateway.jobs.tokens import Cursor, cursor_text, page_token, read_cursor, read_page_token

SCOPE, OTHER = b"12345678", b"87654321"

numbers = st.integers(0, 2**64 - 1)
job_ids = st.from_regex(r"\A[A-Za-z0-9._:\-]{1,128}\Z")
places = st.tuples(numbers, job_ids)


@st.composite
def cursors(draw: st.DrawFn) -> Cursor:
    """Any cursor that a watch can write."""
    looking = draw(st.booleans())
    return Cursor(
        f"{draw(numbers)}-{draw(numbers)}",
        draw(st.integers(0, 2**32 - 1)),
        looking,
        draw(st.none() | places) if looking else None,
        draw(st.frozensets(job_ids, max_size=5)),
    )


@given(place=places)
def test_a_page_token_brings_back_its_place(place: tuple[int, str]) -> None:
    """What is read is what was written."""
    assert read_page_token(page_token(place, SCOPE), SCOPE) == place


@given(cursor=cursors())
def test_a_cursor_brings_back_how_far_its_watch_had_come(cursor: Cursor) -> None:
    """What is read is what was written."""
    assert read_cursor(cursor_text(cursor, SCOPE), SCOPE) == cursor


@given(cursor=cursors(), data=st.data())
def test_a_token_with_one_other_letter_is_refused(cursor: Cursor, data: st.DataObject) -> None:
    """A token that was cut, or mistyped, is none."""
    text = cursor_text(cursor, SCOPE)
    at = data.draw(st.integers(0, len(text) - 2))  # of the last letter some bits have no meaning
    letter = data.draw(st.sampled_from("AQgw_-").filter(lambda letter: letter != text[at]))
    for wrong in (text[:at] + letter + text[at + 1 :], text[:at], text + letter * 4):
        with pytest.raises(InvalidArgument) as caught:
            read_cursor(wrong, SCOPE)
        assert caught.value.field == "cursor"


@given(text=st.text(max_size=60))
def test_no_text_but_a_token_is_read(text: str) -> None:
    """Whatever is sent in its place is refused as the caller's fault."""
    for read in (read_cursor, read_page_token):
        with pytest.raises(InvalidArgument, match="none that this service gave out"):
            read(text, SCOPE)


def test_a_token_of_another_filter_is_refused_as_such() -> None:
    """The message tells what to do."""
    with pytest.raises(InvalidArgument, match="belongs to another filter"):
        read_page_token(page_token((1, "a"), SCOPE), OTHER)


def test_a_page_token_is_no_cursor() -> None:
    """Nor the other way round."""
    with pytest.raises(InvalidArgument, match="none that this service gave out"):
        read_cursor(page_token((1, "a"), SCOPE), SCOPE)
    with pytest.raises(InvalidArgument, match="none that this service gave out"):
        read_page_token(cursor_text(Cursor("1-1"), SCOPE), SCOPE)


def test_the_form_of_tokens_stays() -> None:
    """A token that was given out by an earlier version is read by a later one."""
    assert read_page_token("E0yViAExMjM0NTY3OAcAAAAAAAAAAwBhLmI", SCOPE) == (7, "a.b")
    assert base64.urlsafe_b64decode(page_token((7, "a.b"), SCOPE) + "=")[4:] == (
        b"\x01" + SCOPE + (7).to_bytes(8, "little") + b"\x03\x00a.b"
    )
