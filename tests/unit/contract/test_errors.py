from __future__ import annotations

import re

import pytest
from google.rpc import code_pb2
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract import errors
from pullback.contract.errors import TABLE, CallerError, PullbackError, ServiceError

CLASSES = {cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, PullbackError)}
LEAVES = CLASSES - {PullbackError, CallerError, ServiceError}


def test_every_leaf_of_the_tree_has_a_row_and_nothing_else_has() -> None:
    """The table of errors holds exactly the leaves of the tree."""
    assert set(TABLE) == LEAVES


def test_every_leaf_belongs_to_the_caller_or_to_the_service() -> None:
    """Each error says whose fault it is."""
    assert all(issubclass(cls, CallerError) != issubclass(cls, ServiceError) for cls in LEAVES)


@pytest.mark.parametrize("cls", [PullbackError, CallerError, ServiceError])
def test_an_abstract_class_cannot_be_raised(cls: type[PullbackError]) -> None:
    """A base of the tree refuses to be made."""
    with pytest.raises(TypeError, match=f"{cls.__name__} is abstract"):
        cls("x")


def test_a_class_without_a_row_cannot_be_raised() -> None:
    """A new error must be given its row before it is used."""

    class Unlisted(CallerError):
        pass

    with pytest.raises(TypeError, match="Unlisted is abstract or has no row"):
        Unlisted("x")


def test_reasons_are_unique_and_spelled_as_constants() -> None:
    """A reason names one class, in upper snake case."""
    reasons = [row.reason for row in TABLE.values()]
    assert len(set(reasons)) == len(reasons)
    assert all(reason.replace("_", "").isalpha() and reason.isupper() for reason in reasons)


def test_every_code_is_a_failure() -> None:
    """No error is sent as OK."""
    assert all(row.code in code_pb2.Code.values() and row.code != code_pb2.OK for row in TABLE.values())


def test_only_internal_and_unavailable_and_full_are_the_services_fault() -> None:
    """A caller's error never has a code that says the service failed."""
    ours = {code_pb2.INTERNAL, code_pb2.UNAVAILABLE, code_pb2.UNKNOWN}
    assert all(row.code not in ours for cls, row in TABLE.items() if issubclass(cls, CallerError))


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """The drawing at the head of the module names every class, each once."""
    drawn = re.findall(r"^ +(?:│ +)?(?:[├└]── )?(\w+)(?:  |$)", errors.__doc__ or "", re.MULTILINE)
    assert sorted(drawn) == sorted(cls.__name__ for cls in CLASSES)


def test_trying_again_is_advised_only_where_the_service_is_full_or_away() -> None:
    """A caller's own error has no delay before the next try."""
    retried = {cls.__name__ for cls in TABLE if cls("x").retry_seconds is not None}
    assert retried == {"Overloaded", "QueueUnavailable", "Stopping", "Unreachable"}


def test_an_error_reads_as_field_and_message() -> None:
    """The text of an error begins with the path of the wrong field."""
    error = errors.InvalidArgument("96 bytes, but float32[4, 7] needs 112", field='inputs["w"].data')
    assert str(error) == 'inputs["w"].data: 96 bytes, but float32[4, 7] needs 112'


@given(st.text(st.characters(codec=None), max_size=2_000), st.text(max_size=500), st.text(max_size=300))
def test_the_parts_of_an_error_are_bounded_in_bytes(message: str, field: str, value: str) -> None:
    """Any text whatever is cut to what a gRPC trailer can carry, on a whole character."""
    error = errors.ProgramError(message, field=field, metadata={"suggestion": value})
    assert len(error.message.encode()) <= errors.MAX_TEXT_BYTES
    assert len(error.field.encode()) <= errors.MAX_FIELD_BYTES
    assert len(error.metadata["suggestion"].encode()) <= errors.MAX_METADATA_BYTES


def test_a_message_at_the_limit_is_kept_and_a_longer_one_ends_in_an_ellipsis() -> None:
    """Only a text that is too long is cut."""
    whole = "a" * errors.MAX_TEXT_BYTES
    assert errors.ProgramError(whole).message == whole
    assert errors.ProgramError(whole + "a").message == whole[:-3] + "…"
    assert errors.ProgramError("é" * errors.MAX_TEXT_BYTES).message == "é" * 498 + "…"


def test_what_utf8_cannot_hold_is_escaped() -> None:
    """A lone surrogate in a message does not make the error impossible to send."""
    assert errors.ProgramError("found '\ud800'").message == "found '\\ud800'"
