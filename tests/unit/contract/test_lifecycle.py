from __future__ import annotations

from itertools import product

import pytest

from pullback.contract.lifecycle import TERMINAL, TRANSITIONS, Event, IllegalTransition, State, after

#: The table once more, written by hand as one row of states per event: "." is refused.
#: Columns: QUEUED RUNNING SUCCEEDED FAILED CANCELLED EXPIRED.
EXPECTED = {
    Event.TAKE: "R.....",
    Event.LOSE: ".Q....",
    Event.REUSE: "S.....",
    Event.SUCCEED: ".S....",
    Event.FAIL: ".F....",
    Event.CANCEL: "CC....",
    Event.EXPIRE: "XX....",
}


@pytest.mark.parametrize(("state", "event"), list(product(State, Event)), ids=lambda item: item.name)
def test_every_pair_of_state_and_event_is_decided(state: State, event: Event) -> None:
    """A pair leads where the table says, or is refused and names both."""
    target = EXPECTED[event][list(State).index(state)]
    if target != ".":
        assert after(state, event) is State(target)
        return
    with pytest.raises(IllegalTransition, match=f"{event.value} is not allowed in state {state.name}"):
        after(state, event)


def test_a_refused_event_changes_nothing() -> None:
    """The table is the same after a refusal as before."""
    before = dict(TRANSITIONS)
    with pytest.raises(IllegalTransition):
        after(State.SUCCEEDED, Event.CANCEL)
    assert before == TRANSITIONS


def test_no_event_leads_out_of_a_terminal_state() -> None:
    """The terminal states are exactly those that no row starts from."""
    assert frozenset(State) - {state for state, _ in TRANSITIONS} == TERMINAL


def test_every_state_can_be_reached_from_queued() -> None:
    """No state of the table is dead."""
    reached = {State.QUEUED}
    while more := {to for (state, _), to in TRANSITIONS.items() if state in reached} - reached:
        reached |= more
    assert reached == set(State)


def test_a_terminal_state_can_be_reached_from_every_other() -> None:
    """An accepted job can always end."""
    ends = set(TERMINAL)
    while more := {state for (state, _), to in TRANSITIONS.items() if to in ends} - ends:
        ends |= more
    assert ends == set(State)


def test_the_stored_values_are_unique_letters() -> None:
    """A job record holds one letter for its state; these never change once released."""
    assert {state.name: state.value for state in State} == {
        "QUEUED": "Q",
        "RUNNING": "R",
        "SUCCEEDED": "S",
        "FAILED": "F",
        "CANCELLED": "C",
        "EXPIRED": "X",
    }
