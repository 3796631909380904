"""One call of `ListJobs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.gateway.jobs import rendering
from pullback.gateway.jobs.filters import Filter
from pullback.gateway.jobs.reading import BYTES_AT_ONCE, JOBS_AT_ONCE, Reader
from pullback.gateway.jobs.tokens import page_token, read_page_token
from pullback.gateway.wire import message, text
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from pullback.broker import Shelves
    from pullback.gateway.tenants import Tenant

DEFAULT_SIZE = 100
MOST_SIZE = 1_000

# Looks for jobs until a page is given though it is not full. One look passes some thousand jobs at most.
LOOKS = 20


async def list_page(shelves: Shelves, tenant: Tenant, request: pb.ListJobsRequest) -> bytes:
    """Writes a page of jobs, newest first.

    Raises:
        PullbackError: a field is wrong, or the queue cannot be reached.
    """
    wanted = Filter(request.filter, tenant.tag)
    if request.page_size < 0:
        raise InvalidArgument(f"{request.page_size} is below 0", field="page_size")
    left = min(request.page_size or DEFAULT_SIZE, MOST_SIZE)
    reader = Reader(shelves, tenant.tag, request.view, pb.JOB_VIEW_BASIC)
    place = read_page_token(request.page_token, wanted.scope) if request.page_token else None
    parts: list[bytes] = []
    room = BYTES_AT_ONCE
    for _ in range(LOOKS):
        jobs, place = await shelves.page(
            tenant.tag, wanted.selection, after=place, count=min(left, JOBS_AT_ONCE)
        )
        left -= len(jobs)
        if jobs and reader.fetches:
            fitting = await reader.fitting([job.job_id for job in jobs])
            if fitting < len(jobs):
                place, left = jobs[fitting - 1].place, 0
            found = await reader.get([job.job_id for job in jobs[:fitting]])
            jobs = [job for job in found if job and wanted.fits(job)]
        parts += [message(1, rendering.listed_job(job, tenant.name)) for job in jobs]
        room -= sum(map(len, parts[len(parts) - len(jobs) :]))
        if place is None or left <= 0 or room <= 0:
            break
    if place is not None:
        parts.append(text(2, page_token(place, wanted.scope)))
    return b"".join(parts)
