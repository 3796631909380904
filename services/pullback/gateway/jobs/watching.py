"""One call of `WatchJobs`.

Strategy: a look at all jobs, in the order of their creation, and the stream of changes, woven together so that a cursor
says all there is to say: up to this job and up to this change, the caller knows everything. So a caller that goes on at
another gateway is given no terminal state twice and misses none, and nothing is remembered for it.

- Each page of the look is followed by the changes that were made up to then. One that is of a job further on is left
  out, for the look will come to it. One that made a job of this page terminal is left out if the page gave it so
  already; until the change has passed, the job's id is `ahead`.
- A job is given as it is now, which may be later than the change that it is given for. It is given as terminal only for
  the change that made it so; for an earlier one it is left out.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from pullback.contract.errors import Stopping
from pullback.gateway.jobs import rendering
from pullback.gateway.jobs.feeds import ENTRIES_AT_ONCE, Trimmed, order
from pullback.gateway.jobs.fields import name_of
from pullback.gateway.jobs.filters import MOST_NAMES
from pullback.gateway.jobs.news import bundles, following, given_ahead
from pullback.gateway.jobs.reading import JOBS_AT_ONCE
from pullback.gateway.jobs.tokens import Cursor, cursor_text
from pullback.gateway.wire import integer, message, text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from pullback.broker import Place, Shelves, StoredJob
    from pullback.gateway.jobs.feeds import Entry, Feed
    from pullback.gateway.jobs.filters import Filter
    from pullback.gateway.jobs.reading import Reader
    from pullback.gateway.tenants import Tenant

# How long a caller to whom nothing is given may go without a fresh cursor, in seconds: an old one is worth nothing once
# the stream no longer has what follows it.
CURSOR_SECONDS = 30.0

# How long ago a watch was given nothing new, at most, in seconds, where the stream may have been put away since. That
# happens an hour after its last entry.
IDLE_SECONDS = 60.0

# Before every entry of a stream.
BEGINNING = "0-0"


class Watch:
    """What one caller knows, and what it is given next."""

    def __init__(
        self,
        shelves: Shelves,
        feed: Feed,
        tenant: Tenant,
        wanted: Filter,
        reader: Reader,
    ) -> None:
        self._shelves = shelves
        self._feed = feed
        self._tenant = tenant
        self._filter = wanted
        self._reader = reader
        self._at = Cursor(BEGINNING)
        self._caught_up = False
        self._told = asyncio.get_running_loop().time()

    async def messages(self, cursor: Cursor | None) -> AsyncIterator[bytes]:
        """Gives serialised responses, from the beginning or from a cursor, until the gateway stops.

        Raises:
            PullbackError: the gateway stops, or the queue cannot be reached.
        """
        end = await self._shelves.end_of_events(self._tenant.tag)
        # A Redis that took over from another may lack the last of what that one gave.
        known = cursor is not None and order(cursor.after) <= order(end)
        self._at = cursor if cursor and known else Cursor(end, looking=True)
        while True:
            try:
                async for response in self._look():
                    yield response
                async for response in self._follow():
                    yield response
            except Trimmed:
                end = await self._shelves.end_of_events(self._tenant.tag)
                self._at = Cursor(end, looking=True)
                self._caught_up = False

    async def _look(self) -> AsyncIterator[bytes]:
        while self._at.looking:
            async for response in self._catch_up():
                yield response
            listed, end = await self._shelves.page(
                self._tenant.tag,
                self._filter.selection,
                after=self._at.place,
                # What is asked for by name comes at once, for it would be sought anew for each page.
                count=MOST_NAMES if self._filter.selection.job_ids else JOBS_AT_ONCE,
                oldest_first=True,
            )
            if not self._reader.fetches:
                async for response in self._tell(listed, end):
                    yield response
                continue
            async for response in self._fetch_and_tell(listed, end):
                yield response

    async def _fetch_and_tell(self, listed: list[StoredJob], end: Place | None) -> AsyncIterator[bytes]:
        while True:
            fitting = await self._reader.fitting([job.job_id for job in listed])
            some, listed = listed[:fitting], listed[fitting:]
            found = await self._reader.get([job.job_id for job in some])
            jobs = [job for job in found if job and self._filter.fits(job)]
            async for response in self._tell(jobs, some[-1].place if listed else end):
                yield response
            if not listed:
                return
            if self._filter.selection.states:
                # A job further on may have come to a state that is asked for: it is not in the list, but in the next.
                return
            # What is created now is not in the list, so the list's end is the end of all no more.
            end = end or listed[-1].place
            async for response in self._catch_up():
                yield response

    async def _catch_up(self) -> AsyncIterator[bytes]:
        """Passes all entries that there are, some at once: with a slow caller there may be many."""
        more = True
        while more:
            self._refuse_while_stopping()
            entries = await self._events(self._at.after)
            more = len(entries) == ENTRIES_AT_ONCE
            async for response in self._pass(entries):
                yield response

    async def _tell(self, jobs: list[StoredJob], place: Place | None) -> AsyncIterator[bytes]:
        """Gives jobs of the look that were just read, and the changes that were made up to then."""
        entries: list[Entry] = []
        more, after = True, self._at.after
        while more:
            some = await self._events(after)
            more = len(some) == ENTRIES_AT_ONCE
            entries += some
            after = entries[-1][0] if entries else after
        async for response in self._split(jobs, place, entries):
            yield response
        async for response in self._pass(entries):
            yield response

    async def _events(self, after: str) -> list[Entry]:
        """Gives entries not from the feed, which may not have heard of the last ones yet."""
        entries, whole = await self._shelves.events(self._tenant.tag, after, ENTRIES_AT_ONCE)
        if not whole:
            raise Trimmed
        return entries

    async def _split(
        self, jobs: list[StoredJob], place: Place | None, entries: Sequence[Entry]
    ) -> AsyncIterator[bytes]:
        """Gives jobs in messages. The cursor of each counts its jobs, and no change yet; those are in `entries`."""
        while jobs:
            some, jobs = jobs[:JOBS_AT_ONCE], jobs[JOBS_AT_ONCE:]
            ahead = self._at.ahead | given_ahead(some, entries)
            reached = some[-1].place if jobs else place
            self._at = replace(self._at, looking=reached is not None, place=reached, ahead=ahead)
            yield self._response(some)
        self._at = replace(self._at, looking=place is not None, place=place)

    async def _follow(self) -> AsyncIterator[bytes]:
        end = order(await self._shelves.end_of_events(self._tenant.tag))
        clock = asyncio.get_running_loop().time
        idle = -IDLE_SECONDS
        while True:
            self._refuse_while_stopping()
            news = self._feed.news()
            try:
                entries = await self._feed.read(self._at.after)
            except Trimmed:
                if (
                    clock() - idle > IDLE_SECONDS
                    or await self._shelves.end_of_events(self._tenant.tag) != BEGINNING
                ):
                    raise
                # A stream to which nothing is added for long is put away. Nothing was missed.
                self._at = replace(self._at, after=BEGINNING, skip=0)
                continue
            if not entries:
                idle = clock()
            async for response in self._pass(entries):
                yield response
            if not self._caught_up and order(self._at.after) >= end:
                self._caught_up = True
                yield self._response(())
            elif not entries:
                await self._feed.wait(news)
            elif clock() - self._told > CURSOR_SECONDS:
                yield self._response(())

    async def _pass(self, entries: Sequence[Entry]) -> AsyncIterator[bytes]:
        """Passes entries, and gives what they bring."""
        most = JOBS_AT_ONCE
        while True:
            for bundle in bundles(entries, self._at, self._filter, most):
                job_ids = list(bundle.changed)
                most = await self._reader.fitting(job_ids)
                if most < len(job_ids):
                    # Too much for one message: anew from here, in smaller bundles.
                    entries = following(entries, self._at.after)
                    break
                self._at = bundle.at
                found = await self._reader.get(job_ids) if job_ids else ()
                jobs = [job for job in found if job and bundle.gives(job) and self._filter.fits(job)]
                if jobs or bundle.deleted:
                    yield self._response(jobs, list(bundle.deleted))
                elif not found:
                    await asyncio.sleep(0)
            else:
                return

    def _response(self, jobs: Sequence[StoredJob], deleted: Sequence[str] = ()) -> bytes:
        self._told = asyncio.get_running_loop().time()
        return b"".join(
            [
                *(message(1, rendering.listed_job(job, self._tenant.name)) for job in jobs),
                *(text(2, name_of(job_id)) for job_id in deleted),
                text(3, cursor_text(self._at, self._filter.scope)),
                integer(4, 1) if self._caught_up else b"",
            ]
        )

    def _refuse_while_stopping(self) -> None:
        if self._feed.stopping:
            raise Stopping("this gateway is stopping; go on with the cursor, and another one answers")
