"""Reads records of submitted jobs, singly and in pages.

Records are looked through here and not by a script: for a filter that few jobs match, a script would keep Redis from
everything else, and this keeps one gateway busy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pullback.broker.submitted.naming import address
from pullback.broker.submitted.packing import stored_job
from pullback.contract.errors import Cancelled, DeadlineExceeded
from pullback.contract.lifecycle import State
from pullback.contract.names import EVALUATIONS, INDEXES, OUTCOMES, RECORDS
from pullback.contract.status import to_status
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from redis.asyncio.client import Redis as AsyncRedis

    from pullback.broker.submitted.records import Place, Selection, StoredJob

# Records, and evaluations or outcomes, that one command reads: the latter may be some MiB long.
RECORDS_AT_ONCE = 1_000
TEXTS_AT_ONCE = 100

# Jobs that one page looks through at most.
LOOKS = 20_000

# A sequence number is the ms of the creation times this, or more where the clock was set back (create.lua).
NUMBERS_PER_MS = 1_024


def _outcome(error: Cancelled | DeadlineExceeded) -> bytes:
    return gradient_pb2.EvaluateOutcome(error=to_status(error)).SerializeToString()


# Of jobs that nobody wrote an outcome for.
_PLAIN_OUTCOMES = {
    State.CANCELLED: _outcome(Cancelled("the job was cancelled")),
    State.EXPIRED: _outcome(DeadlineExceeded("the job was not finished by its deadline")),
}


async def read(
    redis: AsyncRedis, tenant: bytes, job_ids: Sequence[str], *, evaluation: bool, outcome: bool
) -> list[StoredJob | None]:
    """Reads jobs, in order; None for one that is not there."""
    jobs: list[StoredJob | None] = []
    for start in range(0, len(job_ids), RECORDS_AT_ONCE):
        some = job_ids[start : start + RECORDS_AT_ONCE]
        records: list[Any] = await redis.mget([RECORDS + address(tenant, each) for each in some])
        found = [
            stored_job(job_id, record) if record else None
            for job_id, record in zip(some, records, strict=True)
        ]
        jobs += await _with_texts(redis, tenant, found, evaluation=evaluation, outcome=outcome)
    return jobs


async def _with_texts(
    redis: AsyncRedis, tenant: bytes, jobs: list[StoredJob | None], *, evaluation: bool, outcome: bool
) -> list[StoredJob | None]:
    there = [job for job in jobs if job]
    evaluations = await _texts(
        redis, EVALUATIONS, tenant, [job.job_id for job in there] if evaluation else []
    )
    outcomes = await _outcomes(redis, tenant, there, results=outcome)
    # What was written with a terminal state goes with its record: without it, the job went between the two looks.
    bound = {State.FAILED, State.SUCCEEDED} if outcome else {State.FAILED}
    gone = {job.job_id for job in there if job.state in bound and job.job_id not in outcomes}
    if not (evaluations or gone) and not any(
        job.state in _PLAIN_OUTCOMES or job.job_id in outcomes for job in there
    ):
        return jobs
    return [
        None
        if job is None or job.job_id in gone
        else job._replace(
            evaluation=evaluations.get(job.job_id),
            outcome=outcomes.get(job.job_id) or _PLAIN_OUTCOMES.get(job.state),
        )
        for job in jobs
    ]


async def _outcomes(
    redis: AsyncRedis, tenant: bytes, jobs: Iterable[StoredJob], *, results: bool
) -> dict[str, bytes]:
    wanted = {State.FAILED, State.CANCELLED, State.EXPIRED} | ({State.SUCCEEDED} if results else set())
    return await _texts(redis, OUTCOMES, tenant, [job.job_id for job in jobs if job.state in wanted])


async def _with_outcomes(redis: AsyncRedis, tenant: bytes, jobs: list[StoredJob]) -> list[StoredJob]:
    """Gives jobs with their errors."""
    outcomes = await _outcomes(redis, tenant, jobs, results=False)
    return [job._replace(outcome=outcomes.get(job.job_id) or _PLAIN_OUTCOMES.get(job.state)) for job in jobs]


async def _texts(redis: AsyncRedis, prefix: str, tenant: bytes, job_ids: Sequence[str]) -> dict[str, bytes]:
    texts: dict[str, bytes] = {}
    for start in range(0, len(job_ids), TEXTS_AT_ONCE):
        some = job_ids[start : start + TEXTS_AT_ONCE]
        found: list[Any] = await redis.mget([prefix + address(tenant, each) for each in some])
        texts.update((job_id, text) for job_id, text in zip(some, found, strict=True) if text is not None)
    return texts


def size_commands(tenant: bytes, job_ids: Sequence[str], *, evaluation: bool) -> list[tuple[str, str]]:
    """Gives the commands that ask how much is to be read of each job beside its record: one for each, or two."""
    prefixes = (OUTCOMES, EVALUATIONS) if evaluation else (OUTCOMES,)
    return [("STRLEN", prefix + address(tenant, job_id)) for job_id in job_ids for prefix in prefixes]


async def read_page(
    redis: AsyncRedis,
    tenant: bytes,
    selection: Selection,
    *,
    after: Place | None,
    count: int,
    oldest_first: bool,
) -> tuple[list[StoredJob], Place | None]:
    """Gives a page of jobs, and where the next begins; see `Shelves.page`."""
    if selection.job_ids:
        return await _page_of_named(
            redis, tenant, selection, after=after, count=count, oldest_first=oldest_first
        )
    page: list[StoredJob] = []
    looks = 0
    end = None
    # No more than are wanted, as long as most that is looked at is.
    at_once = min(count, RECORDS_AT_ONCE)
    while looks < LOOKS:
        ids = await _ids(redis, tenant, selection, end or after, at_once, oldest_first=oldest_first)
        page += await _matching(redis, tenant, [job_id for job_id, _ in ids], selection)
        if len(page) > count or (len(page) == count and len(ids) == at_once):
            end = page[count - 1].place
            break
        if len(ids) < at_once:
            end = None
            break
        job_id, sequence = ids[-1]
        end = (sequence, job_id)
        looks += len(ids)
        at_once = min(2 * at_once, RECORDS_AT_ONCE)
    return await _with_outcomes(redis, tenant, page[:count]), end


async def _matching(
    redis: AsyncRedis, tenant: bytes, job_ids: Sequence[str], selection: Selection
) -> list[StoredJob]:
    """Gives the jobs that a selection holds for, in order, as their records have them."""
    if not job_ids:
        return []
    records: list[Any] = await redis.mget([RECORDS + address(tenant, job_id) for job_id in job_ids])
    # Most of a tenant's jobs may be none of those that are sought. To read a record takes ten times as long as to see
    # that a label is nowhere in it.
    letters = {state.value.encode() for state in selection.states}
    labels = [f"\n{label}\n".encode() for label in selection.labels]
    jobs = (
        stored_job(job_id, record)
        for job_id, record in zip(job_ids, records, strict=True)
        if record and (not letters or record[:1] in letters) and all(label in record for label in labels)
    )
    return [job for job in jobs if matches(job, selection)]


async def _ids(
    redis: AsyncRedis,
    tenant: bytes,
    selection: Selection,
    after: Place | None,
    at_once: int,
    *,
    oldest_first: bool,
) -> list[tuple[str, int]]:
    """Gives the next ids of the index, with their sequence numbers."""
    low: float | str = selection.from_ms * NUMBERS_PER_MS
    # By its own time a job may be older than its number says, and not newer: only from below is this a bound.
    high: float | str = "+inf"
    if after and oldest_first:
        low = f"({after[0]}"
    elif after:
        high = f"({after[0]}"
    first, last = (low, high) if oldest_first else (high, low)
    found: list[Any] = await redis.execute_command(  # type: ignore[no-untyped-call]  # redis-py leaves it so
        "ZRANGE", INDEXES + tenant.hex(), first, last, "BYSCORE", *(() if oldest_first else ("REV",)),
        "LIMIT", 0, at_once, "WITHSCORES",
    )  # fmt: skip
    return [(job_id.decode(), int(score)) for job_id, score in found]


async def _page_of_named(
    redis: AsyncRedis,
    tenant: bytes,
    selection: Selection,
    *,
    after: Place | None,
    count: int,
    oldest_first: bool,
) -> tuple[list[StoredJob], Place | None]:
    jobs = await read(redis, tenant, list(dict.fromkeys(selection.job_ids)), evaluation=False, outcome=False)
    found: Iterable[StoredJob] = (job for job in jobs if job and matches(job, selection))
    if after:
        found = (job for job in found if (job.place > after if oldest_first else job.place < after))
    ordered = sorted(found, key=lambda job: job.place, reverse=not oldest_first)
    page = ordered[:count]
    return page, page[-1].place if len(ordered) > count else None


def matches(job: StoredJob, selection: Selection) -> bool:
    """Tells whether every condition holds but that of the ids."""
    return (
        (not selection.states or job.state in selection.states)
        and all(f"\n{label}\n" in job.labels for label in selection.labels)
        and job.created_ms >= selection.from_ms
        and (not selection.before_ms or job.created_ms < selection.before_ms)
    )
