"""How many jobs are in which state, as news of them come. No I/O.

Strategy: what is counted is a row of a batch, however often it was tried: news of an earlier try change nothing once a
later one is known. A job that is not of a batch is counted for itself.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, final

from pullback.cli.results import BATCH_LABEL, TERMINAL, error_of, short_id, slot_of, tries_of
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pullback.cli.results import Known

QUEUED, RUNNING, SUCCEEDED = "QUEUED", "RUNNING", "SUCCEEDED"
#: Created, and not seen since; deleted, or forgotten by the service, before its result was fetched.
CREATED, GONE = "CREATED", "GONE"
#: Why a row of a result file did not succeed, where the service has forgotten its job.
_BEFORE = "collected before"
#: Not created: the service, or the client, found something wrong with it.
REFUSED = "REFUSED"

STATES: dict[int, str] = {pb.JOB_STATE_QUEUED: QUEUED, pb.JOB_STATE_RUNNING: RUNNING, **TERMINAL}

#: States that do not change any more, in the order in which they are told.
ENDS = (*TERMINAL.values(), GONE, REFUSED)  # SUCCEEDED is the first
DONE = frozenset(ENDS)


class _Entry(NamedTuple):
    tries: int
    state: str
    reason: str = ""


@final
class Tally:
    """Counts.

    Attributes:
        expected: how many there will be; None where that is not known.
        submitted: how many of them were created or refused, or known before.
        counts: by state.
        reasons: how many are done and did not succeed, by reason.
    """

    def __init__(self, expected: int | None = None) -> None:
        self.expected = expected
        self.submitted = 0
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._entries: dict[str, _Entry] = {}

    @property
    def total(self) -> int:
        """How many there are, or will be."""
        return max(len(self._entries), self.expected or 0)

    @property
    def unsubmitted(self) -> int:
        """How many of those that are expected the service has not acknowledged, as far as is known."""
        return self.total - len(self._entries)

    @property
    def done(self) -> int:
        """How many are in a state that does not change any more."""
        return sum(self.counts[state] for state in DONE)

    @property
    def over(self) -> bool:
        """Whether all are done."""
        return self.done == self.total

    @property
    def succeeded(self) -> bool:
        """Whether all succeeded."""
        return self.counts[SUCCEEDED] == self.total

    @property
    def unsuccessful(self) -> int:
        """How many are done and did not succeed."""
        return self.done - self.counts[SUCCEEDED]

    def begin_with(self, known: Mapping[str, Known]) -> None:
        """Takes what a result file holds."""
        for slot, row in known.items():
            self._put(slot, _Entry(row.tries, row.state, "" if row.state == SUCCEEDED else _BEFORE))

    def see(self, job: pb.Job) -> bool:
        """Takes a job as it is now; tells whether it is a new state of the latest try at its row."""
        return self._put(*_entry_of(job))

    def is_latest(self, job: pb.Job) -> bool:
        """Tells whether a job is the latest try at its row, and as it is known."""
        slot, entry = _entry_of(job)
        return self._entries.get(slot) == entry

    def create(self, slot: str) -> None:
        """Takes note that a job was created."""
        self.submitted += 1
        if slot not in self._entries:
            self._put(slot, _Entry(1, CREATED))

    def refuse(self, slot: str, reason: str) -> None:
        """Takes note that a job was refused."""
        self.submitted += 1
        self._put(slot, _Entry(1, REFUSED, reason))

    def lose(self, job_id: str, batch: str | None) -> bool:
        """Takes note that a job is not there any more; tells whether it was not done."""
        slot, tries = slot_of(job_id, batch), tries_of(job_id, batch)
        entry = self._entries.get(slot)
        if entry is None or entry.tries != tries or entry.state in DONE:
            return False
        return self._put(slot, _Entry(tries, GONE, GONE))

    def outstanding(self, most: int) -> list[str]:
        """Gives the ids of jobs that were created and are not done, the oldest known first."""
        found = []
        for slot, entry in self._entries.items():
            if entry.state not in DONE:
                found.append(slot if entry.tries == 1 else f"{slot}:{entry.tries}")
            if len(found) == most:
                break
        return found

    def _put(self, slot: str, entry: _Entry) -> bool:
        old = self._entries.get(slot)
        if old is not None and (old.tries > entry.tries or old == entry):
            return False
        if old is not None:
            self._count(old, -1)
        self._entries[slot] = entry
        self._count(entry, 1)
        return True

    def _count(self, entry: _Entry, by: int) -> None:
        self.counts[entry.state] += by
        if entry.reason:
            self.reasons[entry.reason] += by


def _entry_of(job: pb.Job) -> tuple[str, _Entry]:
    batch, job_id = job.labels.get(BATCH_LABEL), short_id(job.name)
    error = error_of(job.error) if job.HasField("error") else {}
    reason = error.get("reason") or error.get("status") or ""
    return slot_of(job_id, batch), _Entry(tries_of(job_id, batch), STATES[job.state], reason)
