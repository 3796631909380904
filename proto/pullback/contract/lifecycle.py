"""The life of a job, as a table that gateway, worker and the Redis scripts obey.

Rule 1: a state changes only by an event of this table. Rule 2: no event leads out of a terminal state.

RUNNING is written for submitted jobs alone, which a script takes. A waited one that was accepted and is not terminal
is RUNNING while its lane entry is in the pending list of the consumer group, and QUEUED while it is not: Redis moves an
entry there and back in one step, so the two can never disagree, and taking work costs no write.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class State(StrEnum):
    """What a job is doing. The values are what the job record in Redis holds."""

    QUEUED = "Q"
    RUNNING = "R"
    SUCCEEDED = "S"
    FAILED = "F"
    CANCELLED = "C"
    EXPIRED = "X"


class Event(StrEnum):
    """What can happen to a job."""

    TAKE = "take"  # a drain takes it
    LOSE = "lose"  # its drain or evaluator died, or put it back; it waits again
    REUSE = "reuse"  # an identical one was finished before, and its result is this one's too
    SUCCEED = "succeed"
    FAIL = "fail"
    CANCEL = "cancel"
    EXPIRE = "expire"  # its deadline passed


TRANSITIONS: dict[tuple[State, Event], State] = {
    (State.QUEUED, Event.TAKE): State.RUNNING,
    (State.QUEUED, Event.REUSE): State.SUCCEEDED,
    (State.QUEUED, Event.CANCEL): State.CANCELLED,
    (State.QUEUED, Event.EXPIRE): State.EXPIRED,
    (State.RUNNING, Event.LOSE): State.QUEUED,
    (State.RUNNING, Event.SUCCEED): State.SUCCEEDED,
    (State.RUNNING, Event.FAIL): State.FAILED,
    (State.RUNNING, Event.CANCEL): State.CANCELLED,
    (State.RUNNING, Event.EXPIRE): State.EXPIRED,
}

TERMINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED})


class IllegalTransition(Exception):
    """An event that the table does not allow in that state. Nothing was changed."""


def after(state: State, event: Event) -> State:
    """Gives the state that `event` leads to from `state`.

    Raises:
        IllegalTransition: the table has no such row.
    """
    try:
        return TRANSITIONS[state, event]
    except KeyError:
        raise IllegalTransition(f"{event.value} is not allowed in state {state.name}") from None


class Priority(IntEnum):
    """Which of a tenant's submitted jobs go first. The values are those of `JobPriority`."""

    INTERACTIVE = 1
    NORMAL = 2
    BULK = 3


class AttemptEnd(StrEnum):
    """Why an attempt at a submitted job ended. The values are what its record holds, the names those of the wire."""

    FINISHED = "F"
    WORKER_LOST = "W"
    EVALUATOR_LOST = "E"
    CANCELLED = "C"
    EXPIRED = "X"
    PUT_BACK = "P"
