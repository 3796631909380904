"""Tenants' changes, read once for all who watch them at this gateway.

Strategy: a feed keeps the newest entries of its tenant's stream of events. A watch that is up to date reads from there,
and the first that wants more fetches it for all. One that is behind, because it was just resumed or its caller is slow,
reads by itself until it is not: what is kept is bounded, however far anybody lags. Nothing polls: who has all that
there is waits until the broker says that the tenant has news, or, for a message that was lost, two seconds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pullback.contract.errors import Overloaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pullback.broker import Change, Shelves

#: An entry of a stream of events: its id, and the changes that one script made.
Entry = tuple[str, list["Change"]]

# How long to wait for news that may have been lost, in seconds.
NEWS_SECONDS = 2.0

# Changes that a feed keeps: about a megabyte, a second or so of a busy tenant.
MOST_KEPT = 4_096

# Entries fetched at once. One holds what one script changed, most often some dozens.
ENTRIES_AT_ONCE = 32


class Trimmed(Exception):
    """The stream no longer has what follows the entry that was asked for."""


def order(entry: str) -> tuple[int, int]:
    """Gives what entries' ids are ordered by."""
    milliseconds, _, number = entry.partition("-")
    return int(milliseconds), int(number)


class Feed:
    """One tenant's changes."""

    def __init__(self, shelves: Shelves, tenant: bytes) -> None:
        self._shelves = shelves
        self._tenant = tenant
        self._kept: deque[Entry] = deque()
        self._size = 0
        # The entry that the first one kept follows, and the last one kept. Empty before the first fetch.
        self._base = self._last = ""
        self._fetching = asyncio.Lock()
        # Replaced at each news. Where a fetch found nothing, it is remembered before which news that was.
        self._news = asyncio.Event()
        self._nothing_before: asyncio.Event | None = None
        self.watchers = 0
        self.stopping = False

    def heard(self) -> None:
        """Lets those who wait look again."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def news(self) -> asyncio.Event:
        """Gives what is set at the next news. To be taken before reading, so that nothing is missed in between."""
        return self._news

    async def wait(self, news: asyncio.Event) -> None:
        """Waits for news, or as long as news may take until they count as lost."""
        try:
            await asyncio.wait_for(news.wait(), NEWS_SECONDS)
        except TimeoutError:
            self.heard()

    async def read(self, after: str) -> list[Entry]:
        """Gives the entries that follow one, some at once; none where there are no more.

        Raises:
            Trimmed: some of them are gone.
            PullbackError: the queue cannot be reached.
        """
        if after == self._last:
            async with self._fetching:
                # Another may have fetched meanwhile, for all.
                if after == self._last and self._nothing_before is not self._news:
                    news = self._news
                    if not await self._fetch(after):
                        self._nothing_before = news
        if self._covers(after):
            return self._after(after)
        entries = await self._fetch(after)
        if not entries and not self._covers(after):
            # From here on this watch has company.
            self._kept.clear()
            self._size = 0
            self._base = self._last = after
        return entries

    def _covers(self, after: str) -> bool:
        return bool(self._base) and order(self._base) <= order(after) <= order(self._last)

    async def _fetch(self, after: str) -> list[Entry]:
        entries, whole = await self._shelves.events(self._tenant, after, ENTRIES_AT_ONCE)
        if not whole:
            raise Trimmed
        if self._last and order(after) <= order(self._last):
            self._keep(entries)
        return entries

    def _keep(self, entries: list[Entry]) -> None:
        """Keeps what is new of entries that follow one that was had before."""
        last = order(self._last)
        for entry in entries:
            if order(entry[0]) > last:
                self._kept.append(entry)
                self._size += len(entry[1])
                self._last = entry[0]
        while self._size > MOST_KEPT and len(self._kept) > 1:
            self._base, changes = self._kept.popleft()
            self._size -= len(changes)

    def _after(self, after: str) -> list[Entry]:
        place = order(after)
        newer = []
        for entry in reversed(self._kept):
            if order(entry[0]) <= place:
                break
            newer.append(entry)
        newer.reverse()
        return newer[:ENTRIES_AT_ONCE]


class Feeds:
    """The feeds of the tenants that are watched at the moment."""

    def __init__(self, shelves: Shelves, *, most_watchers: int) -> None:
        self._shelves = shelves
        self._most = most_watchers
        self._watchers = 0
        self._feeds: dict[bytes, Feed] = {}
        self.stopping = False

    def heard(self, tenant: bytes) -> None:
        """Takes note that a tenant's jobs changed; called in the event loop with what the broker publishes."""
        if feed := self._feeds.get(tenant):
            feed.heard()

    def stop(self) -> None:
        """Lets every watch see that the gateway stops."""
        self.stopping = True
        for feed in self._feeds.values():
            feed.stopping = True
            feed.heard()

    @contextmanager
    def watched(self, tenant: bytes) -> Iterator[Feed]:
        """Gives a tenant's feed, which is kept while anybody watches it.

        Raises:
            Overloaded: there are too many watches.
        """
        if self._watchers >= self._most:
            raise Overloaded(f"{self._most:,} calls watch jobs here, which is the limit")
        feed = self._feeds.setdefault(tenant, Feed(self._shelves, tenant))
        self._watchers += 1
        feed.watchers += 1
        try:
            yield feed
        finally:
            self._watchers -= 1
            feed.watchers -= 1
            if not feed.watchers:
                del self._feeds[tenant]
