from __future__ import annotations

import re

import pytest
from google.protobuf.descriptor import FieldDescriptor
from pydantic import ValidationError

from pullback.contract.limits import DEFAULT_LIMITS, Limits
from pullback.v1 import evaluation_pb2


def test_limits_cannot_be_changed_after_they_were_made() -> None:
    """One model is handed to every part of a process, so none may change it."""
    with pytest.raises(ValidationError, match="frozen"):
        DEFAULT_LIMITS.rank = 3  # type: ignore[misc]


def test_an_unknown_limit_is_refused() -> None:
    """A misspelt setting stops the process instead of being passed over."""
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Limits(ranks=3)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", sorted(Limits.model_fields))
def test_every_limit_has_a_unit_and_a_default_above_zero(name: str) -> None:
    """A limit is described, and the default lets something pass."""
    assert Limits.model_fields[name].description
    assert getattr(DEFAULT_LIMITS, name) > 0


@pytest.mark.parametrize("name", sorted(Limits.model_fields))
def test_a_limit_below_one_is_refused(name: str) -> None:
    """A bound that nothing could keep is a mistake of the operator."""
    with pytest.raises(ValidationError, match="greater than 0"):
        Limits.model_validate({name: 0})


def test_names_of_limits_are_those_of_the_messages() -> None:
    """Inputs, outputs and wrt are limited under the names that the evaluation gives them."""
    repeated = {
        field.name
        for field in evaluation_pb2.Evaluation.DESCRIPTOR.fields
        if field.is_repeated and field.type != FieldDescriptor.TYPE_BYTES
    }
    assert repeated & set(Limits.model_fields) == {"inputs", "outputs", "wrt"}


def test_a_description_is_a_phrase() -> None:
    """The settings table reads as one: lower case, no full stop."""
    described = [field.description or "" for field in Limits.model_fields.values()]
    assert all(re.fullmatch(r"(UTF-8|[a-z]).*[^.]", text) for text in described)
