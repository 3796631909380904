"""The jobs of one `submit_many`: what to send next, and what an answer settles. No I/O.

Rule 1: what was refused for want of room is sent again before anything new, once the service's delay is over.
Rule 2: a job leaves only by its outcome.
Rule 3: it keeps its id, so that sending it again creates nothing twice.

So no more is held than the messages under way, however many jobs there are.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Final, final

from pullback.client.building import new_request_id
from pullback.client.jobs.asking import Submittable
from pullback.client.retries import Backoff, may_help
from pullback.contract.errors import InternalFault, LimitExceeded, PullbackError
from pullback.contract.status import from_status
from pullback.v1 import job_pb2 as pb
from pullback.v1.evaluation_pb2 import Evaluation

#: Jobs in one message. A thousand share its cost well; the service takes up to 10,000.
DEFAULT_BATCH = 1_000
MAX_BATCH = 10_000

#: Messages under way at once: the service keeps one while the next is made and read.
DEFAULT_IN_FLIGHT = 4

# Bytes of jobs after which a message is full, though one job may be longer: far below the longest message.
_BATCH_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class Parcel:
    """A job on its way.

    Attributes:
        index: among the jobs that were given.
        order: the names asked for, which its result is read by.
        request: what is sent, a part of its message.
    """

    index: int
    order: Evaluation
    request: pb.CreateJobRequest


@dataclass(frozen=True, slots=True)
class Batch:
    """A message to send, and the jobs in it."""

    parcels: tuple[Parcel, ...]
    message: pb.BatchCreateJobsRequest


#: What became of a job: as it is, or why it was refused.
Settled = tuple[Parcel, pb.Job | PullbackError]


@final
class Shipment:
    """Gathers jobs into messages."""

    def __init__(self, *, batch: int, in_flight: int, run_id: str | None, retry_for: float) -> None:
        if not 1 <= batch <= MAX_BATCH:
            raise ValueError(f"batch is from 1 to {MAX_BATCH:,}, not {batch:,}")
        if in_flight < 1:
            raise ValueError(f"in_flight is at least 1, not {in_flight:,}")
        self._batch = batch
        self._run_id: Final = run_id or new_request_id()
        self._backoff = Backoff(retry_for)
        self._count = 0
        self._fresh = _Filling(batch)
        self._ready: Batch | None = None
        self._waiting: deque[Parcel] = deque()
        self._resume_at = 0.0

    @property
    def hungry(self) -> bool:
        """Whether a job is to be added before the next message is made."""
        return not self._waiting and self._ready is None and self._fresh.takes(1)

    def add(self, job: Submittable) -> None:
        """Takes a job.

        Raises:
            TypeError: it is none.
        """
        if not isinstance(job, Submittable):
            kind = type(job).__name__
            raise TypeError(f"jobs[{self._count}] is a {kind}; make it with pullback.client.job(...)")
        if not self._fresh.takes(job.ByteSize()):
            self._ready, self._fresh = self._fresh.batch(), _Filling(self._batch)
        self._fresh.add(self._count, job, f"{self._run_id}:{self._count}")
        self._count += 1

    def next(self) -> Batch | None:
        """Gives the message to send now; None where nothing is left to send."""
        if self._waiting:
            return self._again()
        if self._ready is not None:
            batch, self._ready = self._ready, None
            return batch
        fresh, self._fresh = self._fresh, _Filling(self._batch)
        return fresh.batch()

    def seconds_left(self) -> float:
        """Gives the seconds to wait before the next message is sent."""
        return max(0.0, self._resume_at - time.monotonic()) if self._waiting else 0.0

    def land(self, batch: Batch, response: pb.BatchCreateJobsResponse) -> list[Settled]:
        """Takes the answer to a message and gives the outcomes that are final.

        Raises:
            InternalFault: the answer does not match the message.
        """
        if len(response.outcomes) != len(batch.parcels):
            raise InternalFault(
                f"the service gave {len(response.outcomes)} outcomes for {len(batch.parcels)} jobs"
            )
        settled: list[Settled] = []
        for parcel, outcome in zip(batch.parcels, response.outcomes, strict=True):
            if outcome.WhichOneof("outcome") == "job":
                self._backoff.reset()
                settled.append((parcel, outcome.job))
            else:
                fault = from_status(outcome.error) or InternalFault(
                    "the service gave neither a job nor its error"
                )
                if may_help(fault) and self._may_wait(fault):
                    self._waiting.append(parcel)
                else:
                    settled.append((parcel, fault))
        return settled

    def fail(self, batch: Batch, fault: PullbackError) -> list[Settled]:
        """Takes the error of a whole message and gives the outcomes that are final.

        Raises:
            PullbackError: no other try is to be made.
        """
        if isinstance(fault, LimitExceeded) and len(batch.parcels) == 1:
            return [(batch.parcels[0], fault)]  # it is too long for any message, which is its own fault
        if not may_help(fault) or not self._may_wait(fault):
            raise fault
        self._waiting.extend(batch.parcels)
        return []

    def _again(self) -> Batch | None:
        filling = _Filling(self._batch)
        while self._waiting and filling.takes(self._waiting[0].request.ByteSize()):
            parcel = self._waiting.popleft()
            filling.add(parcel.index, parcel.request, "")
        return filling.batch()

    def _may_wait(self, fault: PullbackError) -> bool:
        now = time.monotonic()
        # A full service refuses many at once: one wait serves for all of them.
        if now >= self._resume_at:
            delay = self._backoff.delay(fault)
            if delay is None:
                return False
            self._resume_at = now + delay
        return True


@final
class _Filling:
    """A message that is being filled."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._parcels: list[Parcel] = []
        self._message = pb.BatchCreateJobsRequest()
        self._bytes = 0

    def takes(self, size_bytes: int) -> bool:
        """Tells whether there is room for a job: in an empty message for any, so that a long one goes alone."""
        if not self._parcels:
            return True
        return len(self._parcels) < self._most and self._bytes + size_bytes <= _BATCH_BYTES

    def add(self, index: int, job: Submittable, request_id: str) -> None:
        """Puts a job in, under `request_id` where it has no name of its own."""
        # Filled in place, since a copy of one with big inputs costs as much as sending it.
        request = self._message.requests.add()
        if isinstance(job, Evaluation):
            request.job.evaluation.CopyFrom(job)
        else:
            request.CopyFrom(job)
        if not request.job_id and not request.request_id:
            request.request_id = request_id
        self._parcels.append(Parcel(index, order_of(request.job.evaluation), request))
        self._bytes += request.ByteSize()

    def batch(self) -> Batch | None:
        """Gives the message; None where it is empty."""
        return Batch(tuple(self._parcels), self._message) if self._parcels else None


#: The order of an evaluation that asks for no names: there is one value.
_NO_NAMES = Evaluation()


def order_of(evaluation: Evaluation) -> Evaluation:
    """Gives what a result is read by, without the inputs, which may be big."""
    if not evaluation.outputs and not evaluation.wrt:
        return _NO_NAMES
    return Evaluation(outputs=evaluation.outputs, wrt=evaluation.wrt)
