"""Submitted jobs as the gateway gives them to Redis and gets them back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from pullback.contract import names

if TYPE_CHECKING:
    from pullback.contract.lifecycle import AttemptEnd, State

#: The channel on which gateways hear whose jobs changed: a message is the tenant's tag.
EVENTS_CHANNEL = names.EVENTS_CHANNEL.encode()

#: Where a page ends: the sequence number of a job, by which jobs are ordered as they were created, and its id.
Place = tuple[int, str]

#: Whether a job was answered from a stored result: not known, by a hit, or computed after a miss.
Reused = Literal["", "H", "M"]


class Submission(NamedTuple):
    r"""A job to create, checked. Times are in ms, absolute ones by the clock of the world.

    Attributes:
        job_id: its id among the tenant's.
        digest: 16 bytes that tell the same job, created again, from another one under the same id.
        evaluation: the serialised `Evaluation`.
        device: number of the device class asked for, from 1 in the order of `DEVICE_CLASSES`; 0 for any.
        labels: "\nkey=value\nkey=value\n", sorted by key; "" without any.
        priority: a `Priority`.
        timeout_ms: bounds each attempt, from its start.
        deadline_ms: when it is EXPIRED; 0 for as late as may be.
        not_before_ms: when it may be taken; 0 for at once.
        ttl_ms: how long it stays after it became terminal.
        max_attempts: how many attempts may be begun, those that were put back left out.
        reuse: 16 bytes that are the same for identical evaluations; b"" where a stored result is not to be used.
    """

    job_id: str
    digest: bytes
    evaluation: bytes
    device: int
    labels: str
    priority: int
    timeout_ms: int
    deadline_ms: int
    not_before_ms: int
    ttl_ms: int
    max_attempts: int
    reuse: bytes


class Created(NamedTuple):
    """A job that is there, created now or before."""

    job_id: str
    state: State
    created_ms: int


class StoredAttempt(NamedTuple):
    """One try at a job; `ended_ms` is 0 and `end` None while it runs."""

    number: int
    worker: str
    started_ms: int
    ended_ms: int
    end: AttemptEnd | None


class StoredJob(NamedTuple):
    """A job as it is. Times are in ms by the clock of Redis; 0 for what has not happened.

    Attributes:
        sequence: orders jobs as they were created, and tells jobs apart that had the same id one after the other.
        attempts: the newest, in order; see `number` for how many there were.
        evaluation: None where it was not asked for.
        outcome: the serialised `EvaluateOutcome`. None where the job is not terminal, or SUCCEEDED and the outcome was
            not asked for.
    """

    job_id: str
    sequence: int
    state: State
    labels: str
    priority: int
    device: str
    created_ms: int
    queued_ms: int
    started_ms: int
    finished_ms: int
    expires_ms: int
    deadline_ms: int
    not_before_ms: int
    ttl_ms: int
    max_attempts: int
    attempts: tuple[StoredAttempt, ...]
    reuse: bytes
    reused: Reused
    reused_from: str
    evaluation: bytes | None
    outcome: bytes | None

    @property
    def place(self) -> Place:
        """Where a page that ends with this job ends."""
        return (self.sequence, self.job_id)


class Selection(NamedTuple):
    """Which jobs; every condition that is set must hold.

    Attributes:
        states: the job is in one of these; empty for any.
        labels: the job has each of these, "key=value".
        from_ms: it was created at this time or later; 0 for any.
        before_ms: it was created before this time; 0 for any.
        job_ids: it has one of these ids; empty for any.
    """

    states: frozenset[State] = frozenset()
    labels: tuple[str, ...] = ()
    from_ms: int = 0
    before_ms: int = 0
    job_ids: tuple[str, ...] = ()


class Change(NamedTuple):
    """What happened to a job; `state` is None where it was deleted. `attempt` is how many were begun."""

    job_id: str
    state: State | None
    attempt: int
    labels: str
    at_ms: int
