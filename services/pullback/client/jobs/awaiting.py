"""Futures that wait for their jobs: what a watch tells of them. No I/O."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, final

from pullback.client.jobs.asking import MAX_NAMES
from pullback.client.jobs.reading import Job
from pullback.contract.errors import DeadlineExceeded, InternalFault, JobNotFound, PullbackError
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from pullback.client.reading import Evaluated
    from pullback.client.retries import Backoff
    from pullback.v1.evaluation_pb2 import Evaluation


@final
class Claim:
    """What is known of a submitted job.

    Attributes:
        name: of the job.
        order: the names that were asked for, which the result is read by; None where they are not known.
        job: as it was last seen; None before.
    """

    __slots__ = ("_lost", "job", "name", "order")

    def __init__(self, name: str, order: Evaluation | None, job: pb.Job | None) -> None:
        self.name = name
        self.order = order
        self.job = None if job is None else Job(job, order)
        self._lost = False

    @property
    def settled(self) -> bool:
        """Whether what came of the job is known."""
        return self._lost or (self.job is not None and self.job.known)

    def see(self, message: pb.Job) -> Job:
        """Takes the job as it is now."""
        self.job = Job(message, self.order)
        return self.job

    def lose(self) -> None:
        """Notes that there is no such job any more."""
        self._lost = True

    def outcome(self) -> Evaluated | PullbackError:
        """Gives what came of the job, which is settled."""
        if self._lost:
            return JobNotFound(f"{self.name} was deleted, or its time to live has ended")
        if self.job is not None:
            outcome = self.job.evaluated or self.job.error
            if outcome is not None:
                return outcome
        return InternalFault(f"{self.name} is done, but the service gave neither a result nor an error")


class Claiming(Protocol):
    """Whatever waits for a job."""

    @property
    def claim(self) -> Claim:
        """What is known of it."""


Waiter = TypeVar("Waiter", bound=Claiming)


@final
class Vigil(Generic[Waiter]):
    """Waits for some futures at a time with one watch, so that their number has no bound."""

    def __init__(self, timeout: float | None) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._waiters: dict[str, list[Waiter]] = {}
        self._unseen: set[str] = set()

    @property
    def full(self) -> bool:
        """Whether a watch can take no more names."""
        return len(self._waiters) == MAX_NAMES

    @property
    def over(self) -> bool:
        """Whether none waits."""
        return not self._waiters

    def add(self, waiter: Waiter) -> None:
        """Takes one that waits, before the watch begins."""
        self._waiters.setdefault(waiter.claim.name, []).append(waiter)

    def request(self) -> pb.WatchJobsRequest:
        """Gives the watch to open.

        It has no cursor, after a break neither: the present state of those that still wait is what is wanted, and the
        changes since might be gone.
        """
        self._unseen = set(self._waiters)
        return pb.WatchJobsRequest(filter=pb.JobFilter(names=self._waiters), view=pb.JOB_VIEW_RESULT)

    def seconds_left(self) -> float | None:
        """Gives the seconds that the watch may take; None for no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    def pause(self, backoff: Backoff, fault: PullbackError) -> float:
        """Gives the seconds to wait before the next watch.

        Raises:
            TimeoutError: the time is over, or would be by then.
            PullbackError: no other try is to be made.
        """
        left = self.seconds_left()
        late = left is not None and (left == 0.0 or isinstance(fault, DeadlineExceeded))
        delay = 0.0 if late else backoff.delay_or_raise(fault)
        if late or (left is not None and delay >= left):
            one = next(iter(self._waiters))
            raise TimeoutError(
                f"{len(self._waiters):,} jobs are not done in time, {one} among them"
            ) from fault
        return delay

    def take(self, response: pb.WatchJobsResponse) -> list[Waiter]:
        """Takes a message of the watch and gives those that it settles."""
        settled: list[Waiter] = []
        for message in response.jobs:
            self._unseen.discard(message.name)
            for waiter in self._waiters.get(message.name, ()):
                waiter.claim.see(message)
                if waiter.claim.settled:
                    settled.append(waiter)
        lost = set(response.deleted_names)
        if response.caught_up:  # whatever is there was given by now
            lost |= self._unseen
            self._unseen.clear()
        for name in lost:
            for waiter in self._waiters.get(name, ()):
                waiter.claim.lose()
                settled.append(waiter)
        for waiter in settled:
            self._waiters.pop(waiter.claim.name, None)
        return settled
