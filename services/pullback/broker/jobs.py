"""What travels between gateway and drain: a job on its way in, and an outcome on its way out.

Named tuples, which are made three times as fast as frozen dataclasses, for there is one of each for every evaluation.
"""

from __future__ import annotations

from hashlib import blake2b
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

from pullback.contract.names import DEVICE_CLASSES, PUBLIC, TENANT_BYTES, tenant_tag

if TYPE_CHECKING:
    from pullback.contract.lifecycle import State
    from pullback.v1 import evaluation_pb2


#: Length of a digest; the Lua scripts know it too.
DIGEST_BYTES = 16

# How accept.lua has a job in an entry: length of the id, time limit, length of the evaluation, life of the record,
# number of the class that is wished for, digest, tag of the tenant.
_HEAD = Struct(f"<HQIQB{DIGEST_BYTES}s{TENANT_BYTES}s")

_PUBLIC = tenant_tag(PUBLIC)

# Numbers of the device classes, in the order in which accept.lua gets them.
_CLASS_NUMBERS = {device: number for number, device in enumerate(DEVICE_CLASSES, start=1)}


class NewJob(NamedTuple):
    """An evaluation to accept.

    Attributes:
        job_id: its identity, which is the caller's request id where there is one.
        device: number of the device class asked for, from 1 in the order of `DEVICE_CLASSES`; 0 for whatever is alive.
        timeout_ms: from acceptance to answer.
        retention_ms: how long its record outlives the time limit.
        digest: tells a repeated request from another one under the same id.
        payload: the serialised `Evaluation`.
        tenant: the tag of whose it is.
    """

    job_id: str
    device: int
    timeout_ms: int
    retention_ms: int
    digest: bytes
    payload: bytes
    tenant: bytes = _PUBLIC

    def packed(self, *, long: bool) -> bytes:
        """Packs the job for an entry of a lane, without its evaluation where that is long."""
        job_id = self.job_id.encode()
        payload = b"" if long else self.payload
        life = self.timeout_ms + self.retention_ms
        return (
            _HEAD.pack(
                len(job_id), self.timeout_ms, len(payload), life, self.device, self.digest, self.tenant
            )
            + job_id
            + payload
        )


class TakenJob(NamedTuple):
    """A job as a drain reads it from its lane.

    Times are in ms by the clock of Redis. The payload is empty where it was too long for the lane; `LaneDrain.payload`
    fetches it. An entry holds several jobs, but none twice.
    """

    entry: bytes
    job_id: str
    attempt: int
    deadline_ms: int
    accepted_ms: int
    digest: bytes
    payload: bytes
    tenant: bytes = _PUBLIC

    @property
    def place(self) -> str:
        """What it is known by while it is in this entry, as abandon.lua names it."""
        return f"{self.entry.decode()}/{self.job_id}"


def taken_jobs(entry: bytes, fields: list[bytes]) -> list[TakenJob]:
    """Reads the jobs of one entry of a lane."""
    # The order in which accept.lua and jobs.lua write them.
    _, attempt, _, accepted, _, packed = fields
    tries, accepted_ms = int(attempt), int(accepted)
    jobs = []
    at = 0
    while at < len(packed):
        id_length, timeout_ms, length, _, _, digest, tenant = _HEAD.unpack_from(packed, at)
        begin = at + _HEAD.size
        middle = begin + id_length
        at = middle + length
        job_id = packed[begin:middle].decode()
        payload = packed[middle:at]
        deadline_ms = accepted_ms + timeout_ms
        jobs.append(TakenJob(entry, job_id, tries, deadline_ms, accepted_ms, digest, payload, tenant))
    return jobs


class FinishedJob(NamedTuple):
    """A taken job with its terminal state and serialised `EvaluateOutcome`."""

    job: TakenJob
    state: State
    outcome: bytes


def new_job(
    job_id: str,
    evaluation: evaluation_pb2.Evaluation,
    *,
    timeout_ms: int,
    retention_ms: int,
    tenant: bytes = _PUBLIC,
) -> NewJob:
    """Makes a job of a checked evaluation; `tenant` is the tag of whose it is."""
    # Deterministic, because maps are otherwise written in any order and the digest would differ between equal requests.
    payload = evaluation.SerializeToString(deterministic=True)
    device = _CLASS_NUMBERS[evaluation.device] if evaluation.device else 0
    digest = blake2b(payload, digest_size=DIGEST_BYTES).digest()
    return NewJob(job_id, device, timeout_ms, retention_ms, digest, payload, tenant)
