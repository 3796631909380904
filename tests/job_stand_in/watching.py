"""Pages and watches of a stand-in for the job service: filters, views, tokens and cursors."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from pullback.contract.errors import InvalidArgument, LimitExceeded
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.job_stand_in.store import Store

#: Most jobs in one message of a watch.
MESSAGE_JOBS = 500


def viewed(job: pb.Job, view: pb.JobView) -> pb.Job:
    """Gives as much of a job as the view has."""
    shown = pb.Job()
    shown.CopyFrom(job)
    if view != pb.JOB_VIEW_FULL:
        shown.ClearField("evaluation")
        if view != pb.JOB_VIEW_RESULT and shown.HasField("result"):
            shown.ClearField("result")
    return shown


def check_filter(wanted: pb.JobFilter) -> None:
    """Refuses a filter that the service refuses."""
    if len(wanted.names) > 10_000:
        raise LimitExceeded(f"{len(wanted.names)} names, more than 10,000", field="filter.names")


def matches(wanted: pb.JobFilter, job: pb.Job, names: frozenset[str]) -> bool:
    """Tells whether a job meets all conditions."""
    created = job.create_time.ToNanoseconds()
    return (
        (not wanted.states or job.state in wanted.states)
        and _labelled(wanted, job.labels)
        and (not wanted.HasField("created_from") or created >= wanted.created_from.ToNanoseconds())
        and (not wanted.HasField("created_before") or created < wanted.created_before.ToNanoseconds())
        and (not names or job.name in names)
    )


def _labelled(wanted: pb.JobFilter, labels: Mapping[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in wanted.labels.items())


def sealed(wanted: pb.JobFilter, content: Any) -> str:
    """Makes a token or a cursor that goes with one filter."""
    text = json.dumps([_digest(wanted), content])
    return base64.urlsafe_b64encode(text.encode()).decode()


def opened(wanted: pb.JobFilter, text: str, field: str) -> Any:
    """Reads a token or a cursor."""
    try:
        digest, content = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError, TypeError) as error:
        raise InvalidArgument("is none that the service gave", field=field) from error
    if digest != _digest(wanted):
        raise InvalidArgument("goes with another filter", field=field)
    return content


def _digest(wanted: pb.JobFilter) -> str:
    return blake2b(wanted.SerializeToString(deterministic=True), digest_size=8).hexdigest()


def page(store: Store, request: pb.ListJobsRequest) -> pb.ListJobsResponse:
    """Gives a page, newest first."""
    check_filter(request.filter)
    if request.page_size < 0:
        raise InvalidArgument(f"{request.page_size} is below 0", field="page_size")
    size = min(request.page_size or 100, 1000)
    before = opened(request.filter, request.page_token, "page_token") if request.page_token else None
    names = frozenset(request.filter.names)
    with store.changed:
        found = [
            record
            for record in reversed(store.records.values())
            if (before is None or record.place < before) and matches(request.filter, record.job, names)
        ]
        response = pb.ListJobsResponse(jobs=[viewed(record.job, request.view) for record in found[:size]])
    if len(found) > size:
        response.next_page_token = sealed(request.filter, found[size - 1].place)
    return response


@dataclass
class _Cursor:
    """Where a watch is.

    Attributes:
        seen: the number of the last change that was looked at.
        scanned: places and numbers: jobs after the place were given as they were at the number.
        at: the place up to which the present state was given; None once all of it was.
    """

    seen: int
    scanned: list[list[int]]
    at: int | None

    def stale(self, place: int, number: int) -> bool:
        """Tells whether the present state that was given had this change already."""
        given = [at for start, at in self.scanned if place > start]
        return bool(given) and number <= given[-1]


def watch(store: Store, request: pb.WatchJobsRequest) -> Iterator[pb.WatchJobsResponse | None]:
    """Gives the messages of a watch; None where there is none at the moment."""
    check_filter(request.filter)
    names = frozenset(request.filter.names)
    cursor = _Cursor(0, [], 0)
    if request.cursor:
        cursor = _Cursor(*opened(request.filter, request.cursor, "cursor"))
    with store.changed:
        if not request.cursor or cursor.seen < store.trimmed:
            cursor = _Cursor(store.last_change, [], 0)
    if cursor.at is not None:
        yield from _present(store, request, cursor, names)
    end = store.last_change
    while cursor.seen < end:
        news = _news(store, request, cursor, names)
        if news is None:  # what follows was trimmed away meanwhile
            return
        yield news
    yield _message(request, cursor, [], [], caught_up=True)
    while True:
        news = _news(store, request, cursor, names)
        if news is not None:
            news.caught_up = True
        yield news


def _present(
    store: Store, request: pb.WatchJobsRequest, cursor: _Cursor, names: frozenset[str]
) -> Iterator[pb.WatchJobsResponse]:
    start = cursor.at or 0
    with store.changed:
        cursor.scanned.append([start, store.last_change])
        found = [
            (record.place, viewed(record.job, request.view))
            for record in store.records.values()
            if record.place > start and matches(request.filter, record.job, names)
        ]
    for first in range(0, max(1, len(found)), MESSAGE_JOBS):
        part = found[first : first + MESSAGE_JOBS]
        last = first + MESSAGE_JOBS >= len(found)
        cursor.at = None if last else part[-1][0]
        yield _message(request, cursor, [job for _, job in part], [])


def _news(
    store: Store, request: pb.WatchJobsRequest, cursor: _Cursor, names: frozenset[str]
) -> pb.WatchJobsResponse | None:
    jobs: dict[str, pb.Job] = {}
    deleted: dict[str, None] = {}
    with store.changed:
        if cursor.seen < store.trimmed or cursor.seen == store.last_change:
            return None
        for change in store.since(cursor.seen):
            cursor.seen = change.number
            if cursor.stale(change.place, change.number) or not _labelled(request.filter, change.labels):
                continue
            if change.job is None:
                jobs.pop(change.name, None)
                if not names or change.name in names:
                    deleted[change.name] = None
            elif matches(request.filter, change.job, names):
                deleted.pop(change.name, None)
                jobs[change.name] = viewed(change.job, request.view)
            if len(jobs) == MESSAGE_JOBS:
                break
    if cursor.scanned and cursor.seen >= max(number for _, number in cursor.scanned):
        cursor.scanned.clear()
    return _message(request, cursor, list(jobs.values()), list(deleted))


def _message(
    request: pb.WatchJobsRequest,
    cursor: _Cursor,
    jobs: list[pb.Job],
    deleted: list[str],
    *,
    caught_up: bool = False,
) -> pb.WatchJobsResponse:
    place = [cursor.seen, cursor.scanned, cursor.at]
    return pb.WatchJobsResponse(
        jobs=jobs, deleted_names=deleted, cursor=sealed(request.filter, place), caught_up=caught_up
    )
