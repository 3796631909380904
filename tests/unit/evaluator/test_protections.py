from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pullback.evaluator.hardening import Protections
from pullback.evaluator.hardening.protections import REQUIRED, Protection

REASONS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@given(
    st.lists(st.tuples(st.sampled_from(Protection), st.one_of(st.none(), REASONS)), unique_by=lambda x: x[0])
)
def test_protections_go_through_text_and_back(pairs: list[tuple[Protection, str | None]]) -> None:
    """What an evaluator says of itself arrives whole."""
    on = tuple(each for each, why in pairs if why is None)
    missing = tuple((each, why) for each, why in pairs if why is not None)
    protections = Protections(on, missing)
    assert Protections.unpack(protections.pack()) == protections


def test_protections_read_as_a_line() -> None:
    """An operator reads what is on, and what is not and why."""
    assert str(Protections(tuple(Protection))) == (
        "nothing inherited, rlimits, not root, no_new_privs, landlock, seccomp"
    )
    some = Protections((Protection.RLIMITS,), ((Protection.SECCOMP, "libseccomp is not installed"),))
    assert str(some) == "rlimits; missing: seccomp (libseccomp is not installed)"
    assert str(Protections(())) == "none"


def test_landlock_alone_may_be_missing() -> None:
    """A worker that has to be protected does without Landlock, and without nothing else."""
    assert set(Protection) - REQUIRED == {Protection.LANDLOCK}
    missing = ((Protection.LANDLOCK, "old"), (Protection.SECCOMP, "old"))
    assert Protections((), missing).lacking == (Protection.SECCOMP,)
