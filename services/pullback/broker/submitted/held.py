"""Submitted jobs as a drain has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pullback.contract.lifecycle import Event


class HeldJob(NamedTuple):
    """A job that a drain took. Times are in ms by the clock of Redis.

    Attributes:
        tenant: the tag of whose it is.
        job_id: its id among the tenant's.
        attempt: the number of this attempt.
        accepted_ms: when it was created.
        timeout_ms: how long the attempt may take.
        deadline_ms: when the job is EXPIRED.
        evaluation: the serialised `Evaluation`.
        alone: whether it is to be evaluated by itself. It was given by itself, too.
        max_attempts: how many attempts it may have.
        sequence: tells it from a job that had the same id before.
    """

    tenant: bytes
    job_id: str
    attempt: int
    accepted_ms: int
    timeout_ms: int
    deadline_ms: int
    evaluation: bytes
    alone: bool
    max_attempts: int
    sequence: int

    @property
    def place(self) -> str:
        """What cancels:<drain> names it by."""
        return f"{self.tenant.hex()}/{self.job_id}/{self.sequence}"


class Ended(NamedTuple):
    """A held job with what came of it.

    Attributes:
        event: SUCCEED, FAIL, EXPIRE or CANCEL.
        outcome: the serialised `EvaluateOutcome`.
        seconds: the drain's time that it took: of a batch, its share.
    """

    job: HeldJob
    event: Event
    outcome: bytes
    seconds: float
