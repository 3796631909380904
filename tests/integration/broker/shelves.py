"""What tests of submitted jobs share: submissions, and a drain that holds some."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

from pullback.broker import Ended, LaneDrain, ShelfDrain, Shelves, Submission
from pullback.contract.lifecycle import Event, Priority
from pullback.contract.names import ALARMS, RECORDS, lane_key, tenant_tag

if TYPE_CHECKING:
    from collections.abc import Iterable

    from redis import Redis
    from tests.integration.broker.conftest import Broker

    from pullback.broker import HeldJob

TENANT = tenant_tag("one")
OTHER = tenant_tag("other")
ENGINE = "1.0"
# Where a record has when its last attempt began: after the letter, two digests and three numbers.
STARTED_AT = 1 + 2 * 16 + 3 * 8
# Where a record has its deadline: after the letter, two digests and six numbers.
DEADLINE_AT = 1 + 2 * 16 + 6 * 8

LONGEST_MS = 1_000_000
TTL_MS = 500_000


def submission(
    job_id: str = "",
    *,
    digest: bytes = bytes(16),
    evaluation: bytes = b"evaluation",
    device: int = 0,
    labels: str = "",
    priority: Priority = Priority.NORMAL,
    deadline_ms: int = 0,
    not_before_ms: int = 0,
    ttl_ms: int = TTL_MS,
    max_attempts: int = 5,
    reuse: bytes = b"",
) -> Submission:
    """Makes a job to create."""
    return Submission(
        job_id or uuid4().hex,
        digest,
        evaluation,
        device,
        labels,
        priority,
        30_000,
        deadline_ms,
        not_before_ms,
        ttl_ms,
        max_attempts,
        reuse,
    )


def shelves(broker: Broker) -> Shelves:
    """Makes the gateway's side."""
    return Shelves(broker.pipe, broker.redis, wake=broker.woken.append, longest_ms=LONGEST_MS)


def drain(broker: Broker, device: str = "cpu", *, worker: str = "worker") -> tuple[LaneDrain, ShelfDrain]:
    """Makes a living drain of a lane and its device's shelves."""
    lane = LaneDrain(broker.line, lane_key(device), uuid4().hex)
    lane.join()
    return lane, ShelfDrain(broker.line, device, lane.name, worker=worker)


def ring(redis: Redis, tenant: bytes, job_id: str, device: str = "cpu") -> None:
    """Lets the time come at which something is due for a job."""
    redis.zadd(f"{ALARMS}{device}", {f"{tenant.hex()}/{job_id}": 1}, xx=True)


def pass_deadline(redis: Redis, tenant: bytes, job_id: str, device: str = "cpu") -> None:
    """Lets a job's deadline pass."""
    redis.setrange(f"{RECORDS}{tenant.hex()}/{job_id}", DEADLINE_AT, (1).to_bytes(8, "little"))
    ring(redis, tenant, job_id, device)


def succeeded(jobs: Iterable[HeldJob], outcome: bytes = b"outcome", seconds: float = 0.001) -> list[Ended]:
    """Ends held jobs, each with the same outcome."""
    return [Ended(job, Event.SUCCEED, outcome, seconds) for job in jobs]
