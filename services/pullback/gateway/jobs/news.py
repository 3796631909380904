"""The stream of changes, put up in bundles: what one message to a watching caller is made of."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pullback.contract.lifecycle import TERMINAL
from pullback.gateway.jobs.feeds import Entry, order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pullback.broker import Change, StoredJob
    from pullback.gateway.jobs.filters import Filter
    from pullback.gateway.jobs.tokens import Cursor

# Changes passed over until a bundle is given though it is empty, so that others have a turn: about half a millisecond.
TURN_CHANGES = 1_000


@dataclass
class Bundle:
    """Jobs that changed one after the other.

    Attributes:
        at: how far the caller has come when it has been given these.
        changed: the ids of jobs to look at, and of each whether it came to its terminal state.
        deleted: the ids of those that are gone, in the order in which they went; the values mean nothing.
    """

    at: Cursor
    changed: dict[str, bool] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)

    def __len__(self) -> int:
        """Counts the jobs."""
        return len(self.changed) + len(self.deleted)

    def note(self, change: Change) -> None:
        """Adds a change."""
        job_id = change.job_id
        if change.state is None:
            self.changed.pop(job_id, None)
            self.deleted[job_id] = None
        else:
            self.changed[job_id] = self.changed.get(job_id, False) or change.state in TERMINAL

    def gives(self, job: StoredJob) -> bool:
        """Tells whether a changed job, as it is now, is to be given.

        One that is terminal already is given for the change that made it so, and for no earlier one. One that the look
        at all jobs is still to come to is left to the look.
        """
        if job.state in TERMINAL and not self.changed[job.job_id]:
            return False
        return not self.at.looking or (self.at.place is not None and job.place <= self.at.place)


def bundles(entries: Sequence[Entry], at: Cursor, wanted: Filter, most: int) -> Iterator[Bundle]:
    """Passes entries, and puts up what is wanted of them.

    Args:
        entries: what follows `at.after` in the stream.
        at: how far the caller has come.
        wanted: what it asks for.
        most: how many jobs a bundle may have.

    Returns:
        Bundles, some of which are empty; the last one ends with the last entry.
    """
    bundle, passed = Bundle(at), 0
    after, ahead = at.after, set(at.ahead)
    for entry, changes in entries:
        skip = at.skip if after == at.after else 0
        for number in range(skip, len(changes)):
            change = changes[number]
            again = change.state is not None and change.job_id in bundle.deleted
            if len(bundle) >= most or again or passed == TURN_CHANGES:
                bundle.at = replace(at, after=after, skip=number, ahead=frozenset(ahead))
                yield bundle
                bundle, passed = Bundle(at), 0
            passed += 1
            if change.job_id in ahead and change.state in TERMINAL:
                ahead.discard(change.job_id)
            elif wanted.wants(change):
                bundle.note(change)
        after = entry
    bundle.at = replace(at, after=after, skip=0 if entries else at.skip, ahead=frozenset(ahead))
    yield bundle


def following(entries: Sequence[Entry], after: str) -> list[Entry]:
    """Gives the entries that follow the one with an id."""
    return [entry for entry in entries if order(entry[0]) > order(after)]


def given_ahead(jobs: Sequence[StoredJob], entries: Sequence[Entry]) -> frozenset[str]:
    """Gives the ids of the jobs that are given as terminal before the change that made them so is passed."""
    terminal = {job.job_id for job in jobs if job.state in TERMINAL}
    return frozenset(
        change.job_id
        for _, changes in entries
        for change in changes
        if change.job_id in terminal and change.state in TERMINAL
    )
