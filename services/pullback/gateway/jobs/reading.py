"""How much of a job is given, and of how many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.gateway.jobs.fields import check_known
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pullback.broker import Shelves, StoredJob

# Jobs in one message: to read and write so many keeps the event loop for some milliseconds.
JOBS_AT_ONCE = 250

# Bytes of evaluations and results in one message, but for a single one that is longer: other people's clients refuse
# messages of more than 4 MiB unless told otherwise, and a gateway has to have room for the messages of all its callers.
BYTES_AT_ONCE = 1 * 2**20


class Reader:
    """Reads one tenant's jobs for one call.

    Attributes:
        fetches: whether anything is given beyond what a list of jobs has anyway.
    """

    def __init__(self, shelves: Shelves, tenant: bytes, view: int, default: int) -> None:
        """Makes a reader.

        Raises:
            InvalidArgument: the view is not known.
        """
        check_known(view, pb.JobView.values(), "view")
        view = view or default
        self._shelves = shelves
        self._tenant = tenant
        self._evaluation = view == pb.JOB_VIEW_FULL
        self._outcome = view in {pb.JOB_VIEW_RESULT, pb.JOB_VIEW_FULL}
        self.fetches = self._outcome

    async def fitting(self, job_ids: Sequence[str]) -> int:
        """Tells how many jobs, the first ones, fit into one message; one fits in any case.

        Raises:
            PullbackError: the queue cannot be reached.
        """
        job_ids = job_ids[:JOBS_AT_ONCE]
        if not self.fetches or len(job_ids) < 2:
            return len(job_ids)
        room = BYTES_AT_ONCE
        sizes = await self._shelves.sizes(self._tenant, job_ids, evaluation=self._evaluation)
        for number, size in enumerate(sizes):
            room -= size
            if room < 0:
                return max(1, number)
        return len(job_ids)

    async def get(self, job_ids: Sequence[str]) -> list[StoredJob | None]:
        """Gives jobs as they are, in order; None for one that is not there.

        Raises:
            PullbackError: the queue cannot be reached.
        """
        return await self._shelves.get(
            self._tenant, job_ids, evaluation=self._evaluation, outcome=self._outcome
        )
