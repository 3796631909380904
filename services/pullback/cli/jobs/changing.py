"""Cancels, deletes and tries again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.results import BATCH_LABEL, batch_job_id, index_of, slot_of, tries_of
from pullback.client import Client, InvalidArgument, Job, JobNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pullback.cli.jobs.selecting import Selection
    from pullback.client import Jobs

# Calls under way at once, for what the service has no call for many.
_CALLS = 16

#: States that a job is tried again from.
UNSUCCESSFUL = frozenset({"failed", "cancelled", "expired"})


def cancel_jobs(selection: Selection, address: str) -> tuple[int, list[str]]:
    """Cancels jobs; gives how many it cancelled, and the ids of those that are not there.

    Raises:
        typer.BadParameter: the selection is empty, or not written as it should be.
        PullbackError: the service could not be reached.
    """
    conditions = selection.required()
    with Client(address, retry_for=RETRY_FOR) as client:
        there = {job.id for job in client.jobs.list(**conditions)} if selection.ids else set()
        count = client.jobs.cancel_many(**conditions)
    return count, [job_id for job_id in selection.ids if job_id not in there]


def delete_jobs(selection: Selection, address: str) -> tuple[int, list[str]]:
    """Deletes jobs with their results; gives how many it deleted, and the ids of those that are not there.

    Raises:
        typer.BadParameter: the selection is empty, or not written as it should be.
        PullbackError: the service could not be reached.
    """
    conditions = selection.required()
    with Client(address, retry_for=RETRY_FOR) as client:
        ids = [job.id for job in client.jobs.list(**conditions)]
        deleted = sum(_each(client.jobs, _delete, ids))
    return deleted, [job_id for job_id in selection.ids if job_id not in ids]


def _each(jobs: Jobs, change: Callable[[Jobs, str], bool], ids: Iterable[str]) -> list[bool]:
    with ThreadPoolExecutor(_CALLS) as pool:
        return list(pool.map(lambda job_id: change(jobs, job_id), ids))


def _delete(jobs: Jobs, job_id: str) -> bool:
    try:
        jobs.delete(job_id)
    except JobNotFound:
        return False
    return True


def retry_jobs(selection: Selection, address: str) -> tuple[list[str], list[str]]:
    """Tries jobs again that did not succeed; gives the ids of the new jobs, and of those that are not there.

    A job of a batch is tried again under its row's id and the number of the try, once its latest try has ended without
    success: calling again does nothing as long as that one is under way, or has succeeded. Any other job is tried again
    under an id of the service's.

    Raises:
        typer.BadParameter: the selection is empty, or not written as it should be.
        PullbackError: the service could not be reached.
    """
    conditions = selection.required()
    with Client(address, retry_for=RETRY_FOR) as client:
        found = list(client.jobs.list(**conditions))
        new = [_new_id(job, tries) for job, tries in _to_retry(client.jobs, found)]
        made = _each_again(client.jobs, new)
    there = {job.id for job in found}
    return made, [job_id for job_id in selection.ids if job_id not in there]


def _to_retry(jobs: Jobs, found: list[Job]) -> list[tuple[Job, int]]:
    """Gives the latest try at each row that was found, where it did not succeed, and its number."""
    batches = {batch for job in found if (batch := _batch(job)) is not None}
    latest: dict[str, Job] = {}
    for batch in batches:  # a filter by state or time may have left later tries out
        for job in jobs.list(labels={BATCH_LABEL: batch}):
            slot = slot_of(job.id, batch)
            if slot not in latest or tries_of(latest[slot].id, batch) < tries_of(job.id, batch):
                latest[slot] = job
    chosen = {
        job.id: job
        for job in (latest.get(slot_of(job.id, _batch(job)), job) for job in found)
        if job.state in UNSUCCESSFUL
    }
    return [(job, tries_of(job.id, _batch(job))) for job in chosen.values()]


def _batch(job: Job) -> str | None:
    batch = job.labels.get(BATCH_LABEL)
    return batch if index_of(job.id, batch) is not None else None


def _new_id(job: Job, tries: int) -> tuple[str, str]:
    batch = _batch(job)
    index = index_of(job.id, batch)
    return job.id, "" if batch is None or index is None else batch_job_id(batch, index, tries + 1)


def _each_again(jobs: Jobs, new: list[tuple[str, str]]) -> list[str]:
    with ThreadPoolExecutor(_CALLS) as pool:
        return [job_id for job_id in pool.map(lambda pair: _again(jobs, *pair), new) if job_id]


def _again(jobs: Jobs, old: str, new: str) -> str | None:
    try:
        return jobs.retry(old, job_id=new).name.removeprefix("jobs/")
    except (JobNotFound, InvalidArgument):  # gone since, or created anew under its id
        return None
