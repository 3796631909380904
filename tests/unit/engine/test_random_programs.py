"""Programs that nobody wrote: put together from the op table, or changed from good ones."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fuzz.programs import JUDGES, judge

# Programs that one example runs, in one child.
EXAMPLE = 10


@pytest.mark.parametrize("kind", JUDGES)
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_program_equals_plain_torch_or_is_refused(kind: str, seed: int) -> None:
    """No program ends in a fault of the engine or a signal; random ones have torch's values and gradients."""
    verdicts = judge(kind, range(seed, seed + EXAMPLE))
    assert len(verdicts) == EXAMPLE
    assert [verdict for verdict in verdicts if verdict.faults] == []
