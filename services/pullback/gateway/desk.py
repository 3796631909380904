"""Who waits for what: the table between calls, which come and go, and jobs, which live in Redis.

Strategy: a call leaves a ticket and is called back, once, with an outcome. Everything here runs in the event loop
and never waits, so a call that is cancelled at any moment leaves nothing half done: it withdraws its ticket, and a
job that no ticket asks for any more is given up.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from pullback.broker import Accepted, Known
from pullback.contract.errors import (
    DeadlineExceeded,
    DeviceNotServed,
    Overloaded,
    PullbackError,
    QueueUnavailable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pullback.broker import Acceptor, Answer, NewJob, ResultReader

log = logging.getLogger(__name__)

#: What a call is told: a serialised `EvaluateOutcome`, or why there is none.
Outcome = bytes | PullbackError

# How often overdue tickets are looked for, in seconds.
WATCH_SECONDS = 0.25

# A worker answers at the deadline; this much later, in seconds, the gateway does so in its place.
OVERDUE_SECONDS = 0.5

# How long a ticket waits until its job's record is looked at, and between two looks, in seconds. Only a notice that was
# lost makes this necessary.
LOOK_SECONDS = 5.0

# Records looked at in one go; health is answered in between.
LOOK_AT_ONCE = 500


@dataclass(slots=True, eq=False)
class Ticket:
    """One call's claim to one job's outcome.

    Attributes:
        open: whether its caller is still to be told.
        accepted: whether the job was accepted, or joined, for this ticket.
        withdrawn: whether its caller went away.
        early: an outcome under the job's id that came before it was known whether the id is this evaluation's.
    """

    job_id: str
    deliver: Callable[[Outcome], None]
    overdue: float
    next_look: float
    open: bool = field(default=True)
    accepted: bool = field(default=False)
    withdrawn: bool = field(default=False)
    early: bytes | None = field(default=None)


class Desk:
    """All tickets of one gateway."""

    def __init__(self, acceptor: Acceptor, *, max_in_flight: int) -> None:
        self._acceptor = acceptor
        self._max_in_flight = max_in_flight
        self._tickets: dict[str, list[Ticket]] = {}
        self._clock = asyncio.get_running_loop().time
        self._looking: asyncio.Task[None] | None = None
        self.stopping = False
        self.full = False
        #: Told what became of each job that was waited for, as its caller is.
        self.told: Callable[[Outcome], None] = lambda _outcome: None
        #: Told the number of the device class of each job that no worker is there for.
        self.unserved: Callable[[int], None] = lambda _device: None

    def __len__(self) -> int:
        """Counts the jobs that are waited for."""
        return len(self._tickets)

    def waiting(self) -> list[str]:
        """Gives the ids of the accepted jobs that are waited for."""
        return [job_id for job_id, tickets in self._tickets.items() if any(each.accepted for each in tickets)]

    def submit(self, job: NewJob, deliver: Callable[[Outcome], None]) -> Ticket:
        """Queues a job and promises its outcome to `deliver`, exactly once, unless the ticket is withdrawn.

        Raises:
            Overloaded: too many jobs are waited for, or Redis has no room.
        """
        if self.full:
            raise Overloaded("the queue's memory is nearly full")
        if len(self._tickets) >= self._max_in_flight:
            raise Overloaded(f"{self._max_in_flight:,} evaluations are in flight here, which is the limit")
        now = self._clock()
        ticket = Ticket(
            job.job_id, deliver, now + job.timeout_ms / 1000 + OVERDUE_SECONDS, now + LOOK_SECONDS
        )
        self._tickets.setdefault(job.job_id, []).append(ticket)
        self._acceptor.accept(
            job, lambda answer: self._answered(job, ticket, answer), company=len(self._tickets) - 1
        )
        return ticket

    def _answered(self, job: NewJob, ticket: Ticket, answer: Answer) -> None:
        match answer:
            case Accepted():
                ticket.accepted = True
                if ticket.early is not None:
                    self._close(ticket, ticket.early)
                elif ticket.withdrawn:
                    self._abandon_unless_waited_for(ticket.job_id)
            case Known(outcome):
                self._close(ticket, outcome)
            case error:
                if isinstance(error, DeviceNotServed):
                    self.unserved(job.device)
                self._close(ticket, error)
                # It may have been the last to hold a job whose own caller went away.
                self._abandon_unless_waited_for(ticket.job_id)

    def delivered(self, job_id: str, outcome: bytes) -> None:
        """Hands a finished job's outcome to all who wait for it.

        A ticket that was not accepted yet may be for another evaluation under the same id; it waits for its answer.
        """
        for ticket in list(self._tickets.get(job_id, ())):
            if ticket.accepted:
                self._close(ticket, outcome)
            else:
                ticket.early = outcome

    def _close(self, ticket: Ticket, outcome: Outcome) -> None:
        if ticket.open:
            self._remove(ticket)
            self.told(outcome)
            ticket.deliver(outcome)

    def _remove(self, ticket: Ticket) -> None:
        ticket.open = False
        others = self._tickets[ticket.job_id]
        others.remove(ticket)
        if not others:
            del self._tickets[ticket.job_id]

    def withdraw(self, tickets: Iterable[Ticket]) -> None:
        """Takes back tickets whose callers went away, and gives up the jobs that nobody else waits for.

        While the gateway stops, jobs go on: their callers will ask another gateway under the same id.
        """
        for ticket in tickets:
            if ticket.open:
                self._remove(ticket)
                ticket.withdrawn = True
                if ticket.accepted:
                    self._abandon_unless_waited_for(ticket.job_id)

    def _abandon_unless_waited_for(self, job_id: str) -> None:
        if job_id not in self._tickets and not self.stopping:
            self._acceptor.abandon(job_id)

    async def watch(self, reader: ResultReader) -> None:
        """Answers overdue tickets and finds outcomes whose notice was lost, until cancelled."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now = self._clock()
            tickets = [ticket for some in self._tickets.values() for ticket in some]
            overdue = [ticket for ticket in tickets if ticket.overdue <= now]
            for ticket in overdue:
                error = DeadlineExceeded("the evaluation did not finish within its time limit")
                self.told(error)
                ticket.deliver(error)
            self.withdraw(overdue)
            late = [
                ticket for ticket in tickets if ticket.open and ticket.accepted and ticket.next_look <= now
            ]
            if late and (self._looking is None or self._looking.done()):
                # By itself: Redis may be slow to answer, and overdue tickets are not to wait for it.
                self._looking = asyncio.get_running_loop().create_task(self._look(reader, late))

    async def _look(self, reader: ResultReader, tickets: list[Ticket]) -> None:
        for start in range(0, len(tickets), LOOK_AT_ONCE):
            some = tickets[start : start + LOOK_AT_ONCE]
            for ticket in some:
                ticket.next_look = self._clock() + LOOK_SECONDS
            try:
                gone = await reader.look(sorted({ticket.job_id for ticket in some if ticket.open}))
            except (RedisError, OSError):
                return
            for job_id in gone:
                self.lost(job_id)

    def lost(self, job_id: str) -> None:
        """Tells all who wait for a job that its record is gone."""
        # At its time limit a record expires; the worker's answer, or this gateway's, is then on its way.
        limit = self._clock() + OVERDUE_SECONDS
        lost = [ticket for ticket in self._tickets.get(job_id, ()) if ticket.overdue > limit]
        if lost:
            log.error("the record of an accepted job is gone")
        for ticket in lost:
            self._close(ticket, QueueUnavailable("the queue lost the evaluation; send it again"))
