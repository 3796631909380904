"""Sends the jobs of a batch, under ids that follow from the batch's id and their places in it.

Strategy: to send a batch again must create nothing twice, so that each message must be the same, bit for bit. What is
counted from the submission, such as a deadline of two hours, is counted from when the batch was first submitted, which
a label of each of its jobs tells. Where two processes begin the same batch at one time, each job is of the one that was
first with it, and the other finds it again by that one's time.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol, final

from pullback.cli.jobs.inbox import Settled, Submitted
from pullback.cli.results import BATCH_LABEL, batch_job_id
from pullback.client import JobIdReused, PullbackError

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Generator, Iterator, Mapping

    from pullback.client import Jobs
    from pullback.v1.job_pb2 import CreateJobRequest

#: The label with the time at which a batch was first submitted, in milliseconds since 1970.
BEGUN_LABEL = "pullback/begun"

# Outcomes that are told at once, and seconds after which fewer are.
_TOLD = 500
_SOON = 0.2

# Names in one call.
_NAMES = 10_000


class Row(Protocol):
    """A job of a batch file."""

    index: int

    def request(self, job_id: str, now: datetime, labels: Mapping[str, str]) -> CreateJobRequest:
        """Makes the message that creates it."""


class Rows(Protocol):
    """A batch file."""

    def __len__(self) -> int:
        """How many jobs it has."""

    def jobs(self, start: int = 0) -> Iterator[Row]:
        """Gives the jobs from a place on."""


@final
class Sender:
    """Sends one batch."""

    def __init__(
        self,
        jobs: Jobs,
        rows: Rows,
        batch: str,
        *,
        skip: Container[str] = frozenset(),
        patience: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Takes what it works with.

        Args:
            jobs: the service's.
            rows: the batch.
            batch: its id.
            skip: slots whose results are there already.
            patience: seconds to wait for the service, or for room in it, before giving up.
            clock: the time, for a batch that is submitted the first time.
        """
        self._jobs = jobs
        self._rows = rows
        self._batch = batch
        self._skip = skip
        self._patience = patience
        self._clock = clock
        self._stopped = False
        self._conflicts: dict[int, JobIdReused] = {}

    def stop(self) -> None:
        """Lets the sending end before the next job."""
        self._stopped = True

    def messages(self) -> Iterator[Settled | Submitted]:
        """Sends all, and tells what became of each.

        Raises:
            PullbackError: the service could not be reached, or refused all of a message.
        """
        begun = self._begun()
        yield from self._send(begun, self._unsent())
        conflicts, self._conflicts = self._conflicts, {}
        for other, indices in self._by_beginning(list(conflicts)).items():
            if other not in {begun, None}:
                yield from self._send(
                    other, (row for row in self._rows.jobs(min(indices)) if row.index in indices)
                )
                conflicts = {index: error for index, error in conflicts.items() if index not in indices}
        conflicts |= self._conflicts
        yield Settled([(self._id(index), self._told(error)) for index, error in conflicts.items()])
        yield Submitted()

    def _unsent(self) -> Iterator[Row]:
        for row in self._rows.jobs():
            if self._stopped:
                return
            if self._id(row.index) not in self._skip:
                yield row

    def _send(self, begun: str, rows: Iterator[Row]) -> Generator[Settled]:
        now = datetime.fromtimestamp(int(begun) / 1_000, UTC)
        labels = {BATCH_LABEL: self._batch, BEGUN_LABEL: begun}
        sent: dict[int, int] = {}  # position -> index, of those under way

        def requests() -> Iterator[CreateJobRequest]:
            for position, row in enumerate(rows):
                sent[position] = row.index
                yield row.request(self._id(row.index), now, labels)

        outcomes: list[tuple[str, PullbackError | None]] = []
        told = time.monotonic()
        for position, future in self._jobs.submit_many(requests(), retry_for=self._patience):
            index = sent.pop(position)
            if isinstance(future, JobIdReused):
                self._conflicts[index] = future
                continue
            outcomes.append((self._id(index), future if isinstance(future, PullbackError) else None))
            if len(outcomes) >= _TOLD or time.monotonic() - told > _SOON:
                yield Settled(outcomes)
                outcomes, told = [], time.monotonic()
        yield Settled(outcomes)

    def _begun(self) -> str:
        """Gives when the batch was first submitted: now, where none of its jobs is there."""
        found = self._jobs.list(labels={BATCH_LABEL: self._batch}, page_size=1)
        try:
            for job in found:
                return _read_begun(job.labels) or self._now()
        finally:
            found.close()
        return self._now()

    def _now(self) -> str:
        return str(int(self._clock().timestamp() * 1_000))

    def _by_beginning(self, indices: list[int]) -> dict[str | None, set[int]]:
        found: dict[str | None, set[int]] = {}
        for start in range(0, len(indices), _NAMES):
            places = {self._id(index): index for index in indices[start : start + _NAMES]}
            for job in self._jobs.list(names=list(places)):
                found.setdefault(_read_begun(job.labels), set()).add(places[job.id])
        return found

    def _id(self, index: int) -> str:
        return batch_job_id(self._batch, index)

    def _told(self, error: JobIdReused) -> JobIdReused:
        return JobIdReused(
            f"batch {self._batch} was submitted before with another job here; to run the changed file, give it a "
            "batch id of its own",
            field=error.field,
        )


def _read_begun(labels: Mapping[str, str]) -> str | None:
    text = labels.get(BEGUN_LABEL, "")
    return text if text.isascii() and text.isdecimal() and len(text) <= 14 else None
