"""How records, changes and jobs are packed between Python and the scripts. What is read here is written in Lua."""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from pullback.broker.submitted.held import HeldJob
from pullback.broker.submitted.naming import CLASSES
from pullback.broker.submitted.records import Change, StoredAttempt, StoredJob
from pullback.contract.lifecycle import AttemptEnd, State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.broker.submitted.records import Reused, Submission

# As HEAD and TRY in submitted.lua have them, up to the first text of variable length.
_RECORD = Struct("<c16s16s11Q5BcH")
_TRY = Struct("<HQQcB")

_STATES = {state.value.encode(): state for state in State}
_ENDS = {end.value.encode(): end for end in AttemptEnd}
_REUSED: dict[bytes, Reused] = {b" ": "", b"H": "H", b"M": "M"}

NO_DIGEST = bytes(16)

_NEW = Struct("<BBBQQQQ16s16s")
_CHANGE = Struct("<cH")
_HELD = Struct("<QQQQHBB")


def state(record: bytes) -> State:
    """Gives the state of a record."""
    return _STATES[record[:1]]


def packed_submission(job: Submission) -> bytes:
    """Packs a job to create, without its evaluation, for create.lua."""
    job_id, labels = job.job_id.encode(), job.labels.encode()
    head = _NEW.pack(
        job.device,
        job.priority,
        job.max_attempts,
        job.timeout_ms,
        job.deadline_ms,
        job.not_before_ms,
        job.ttl_ms,
        job.digest,
        job.reuse or NO_DIGEST,
    )
    return head + len(job_id).to_bytes(2, "little") + job_id + len(labels).to_bytes(2, "little") + labels


def stored_job(job_id: str, record: bytes) -> StoredJob:
    """Reads a record."""
    (
        letter, _, reuse, sequence, created, queued, started, finished, expires, deadline, not_before, ttl, _, _,
        priority, device, most, _, _, reused, _,
    ) = _RECORD.unpack_from(record)  # fmt: skip
    at = _RECORD.size
    _, at = _text(record, at, 1)
    reused_from, at = _text(record, at, 1)
    labels, at = _text(record, at, 2)
    attempts = tuple(_attempts(record, at))[::-1]
    return StoredJob(
        job_id=job_id,
        sequence=sequence,
        state=_STATES[letter],
        labels=labels,
        priority=priority,
        device=CLASSES[device - 1],
        created_ms=created,
        queued_ms=queued,
        started_ms=started,
        finished_ms=finished,
        expires_ms=expires,
        deadline_ms=deadline,
        not_before_ms=not_before,
        ttl_ms=ttl,
        max_attempts=most,
        attempts=attempts,
        reuse=b"" if reuse == NO_DIGEST else reuse,
        reused=_REUSED[reused],
        reused_from=reused_from,
        evaluation=None,
        outcome=None,
    )


def _text(packed: bytes, at: int, bytes_of_length: int) -> tuple[str, int]:
    begin = at + bytes_of_length
    stop = begin + int.from_bytes(packed[at:begin], "little")
    return packed[begin:stop].decode(), stop


def _attempts(record: bytes, at: int) -> Iterator[StoredAttempt]:
    while at < len(record):
        number, started, ended, end, length = _TRY.unpack_from(record, at)
        begin = at + _TRY.size
        at = begin + length
        yield StoredAttempt(number, record[begin:at].decode(), started, ended, _ENDS.get(end))


def changes(packed: bytes, at_ms: int) -> Iterator[Change]:
    """Reads the changes of one entry of a stream of events."""
    at = 0
    while at < len(packed):
        letter, attempt = _CHANGE.unpack_from(packed, at)
        job_id, at = _text(packed, at + _CHANGE.size, 1)
        labels, at = _text(packed, at, 2)
        yield Change(job_id, _STATES.get(letter), attempt, labels, at_ms)


def held_job(packed: bytes, evaluation: bytes) -> HeldJob:
    """Reads a job as take.lua gives it."""
    sequence, created, timeout, deadline, attempt, most, alone = _HELD.unpack_from(packed)
    tenant, _, job_id = packed[_HELD.size :].decode().partition("/")
    return HeldJob(
        bytes.fromhex(tenant),
        job_id,
        attempt,
        created,
        timeout,
        deadline,
        evaluation,
        alone == 1,
        most,
        sequence,
    )
