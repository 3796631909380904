"""Every rule finds the mistakes that it is there for."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import pytest
from tests.manifests.documents import Documents
from tests.manifests.mistakes import MISTAKES
from tests.manifests.rendering import documents
from tests.manifests.rules import RULES

if TYPE_CHECKING:
    from tests.manifests.mistakes.planting import Mistake


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: f"{mistake.rule}-{mistake.what}")
def test_a_rule_finds_a_planted_mistake(mistake: Mistake) -> None:
    """It says nothing of the overlay as it is, and something once the mistake is in it."""
    good = documents(mistake.overlay)
    assert [*RULES[mistake.rule](good)] == []
    bad = Documents(copy.deepcopy([*good]))
    mistake.plant(bad)
    assert bad != good, "nothing was planted"
    assert [*RULES[mistake.rule](bad)]


def test_every_rule_has_a_mistake() -> None:
    """None is only ever seen to be content."""
    assert {mistake.rule for mistake in MISTAKES} == RULES.keys()
