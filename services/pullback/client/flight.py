"""The evaluations under way on a stream: what to send next, and what an answer settles. No I/O.

Rule 1: at most so many evaluations, and so many bytes, are under way.
Rule 2: an evaluation leaves only by its outcome.
Rule 3: it keeps its request id, so that sending it again, on this stream or the next, computes nothing twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, final

from pullback.client.building import new_request_id
from pullback.client.reading import Evaluated
from pullback.client.retries import Backoff
from pullback.contract.errors import InternalFault, PullbackError
from pullback.contract.status import from_status
from pullback.v1.evaluation_pb2 import Evaluation
from pullback.v1.gradient_pb2 import EvaluateOutcome, EvaluateStreamRequest, EvaluateStreamResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: Evaluations in one message. Some hundreds share its cost well; the service takes up to 4,096.
DEFAULT_BATCH = 256
MAX_BATCH = 4_096

#: Evaluations under way at once: enough to keep a few workers busy while answers travel.
DEFAULT_IN_FLIGHT = 4_096

# Bytes of evaluations after which a message is full, though one may be longer: far below the longest message.
_BATCH_BYTES = 4 * 2**20

# Bytes of evaluations under way at once, though one may be longer: the cost of being able to send again.
_IN_FLIGHT_BYTES = 256 * 2**20

#: An evaluation's index among those given, and what came of it.
Landing = tuple[int, Evaluated | PullbackError]


class Departure(NamedTuple):
    """A message to send, and when at the soonest, by `time.monotonic`."""

    at: float
    message: EvaluateStreamRequest

    def seconds_left(self) -> float:
        """Gives the seconds to wait before sending."""
        return max(0.0, self.at - time.monotonic())


@dataclass(frozen=True, slots=True)
class _Passenger:
    request_id: str
    index: int
    evaluation: Evaluation
    size_bytes: int


@final
class Flight:
    """The evaluations of one `evaluate_many`, over as many streams as it takes."""

    def __init__(
        self,
        evaluations: Iterable[Evaluation],
        *,
        batch: int,
        in_flight: int,
        run_id: str | None,
        retry_for: float,
    ) -> None:
        if not 1 <= batch <= MAX_BATCH:
            raise ValueError(f"batch is from 1 to {MAX_BATCH:,}, not {batch:,}")
        if in_flight < 1:
            raise ValueError(f"in_flight is at least 1, not {in_flight:,}")
        self._source = enumerate(evaluations)
        self._run_id = run_id or new_request_id()
        self._batch = batch
        self._in_flight = in_flight
        self._backoff = Backoff(retry_for)
        self._aboard: dict[str, _Passenger] = {}
        self._aboard_bytes = 0
        self._refused: list[_Passenger] = []
        self._resume_at = 0.0
        self._exhausted = False

    @property
    def done(self) -> bool:
        """Whether every evaluation has its outcome."""
        return self._exhausted and not self._aboard

    def restart(self) -> Iterator[Departure]:
        """Gives the messages for a new stream: what has no outcome yet, then new evaluations."""
        self._refused = list(self._aboard.values())
        self._resume_at = 0.0
        return self.departures()

    def departures(self) -> Iterator[Departure]:
        """Gives the messages to send now: what the service had no room for, then new evaluations."""
        refused, self._refused = self._refused, []
        for message in self._messages(refused):
            yield Departure(self._resume_at, message)
        for message in self._messages(self._boarding()):
            yield Departure(0.0, message)

    def land(self, response: EvaluateStreamResponse) -> list[Landing]:
        """Takes outcomes and gives those that are final; the others are in the next departures."""
        landings = []
        for outcome in response.outcomes:
            passenger = self._aboard.get(outcome.request_id)
            if passenger is not None:  # else it was settled on a stream before this one
                landing = self._settle(passenger, outcome)
                if landing is not None:
                    landings.append((passenger.index, landing))
        return landings

    def delay(self, fault: PullbackError) -> float:
        """Gives the seconds to wait after a stream broke. Raises `fault` where no other is to be tried."""
        return self._backoff.delay_or_raise(fault)

    def _settle(self, passenger: _Passenger, outcome: EvaluateOutcome) -> Evaluated | PullbackError | None:
        if outcome.HasField("result"):
            self._backoff.reset()
            self._leave(passenger)
            return Evaluated(outcome.result, passenger.evaluation)
        fault = from_status(outcome.error) or InternalFault("the service gave neither a result nor its error")
        if fault.retry_seconds is None:
            self._backoff.reset()
        elif self._may_retry(fault):
            self._refused.append(passenger)
            return None
        self._leave(passenger)
        return fault

    def _may_retry(self, fault: PullbackError) -> bool:
        now = time.monotonic()
        # A full service refuses many at once: one wait serves for all of them.
        if now >= self._resume_at:
            delay = self._backoff.delay(fault)
            if delay is None:
                return False
            self._resume_at = now + delay
        return True

    def _leave(self, passenger: _Passenger) -> None:
        del self._aboard[passenger.request_id]
        self._aboard_bytes -= passenger.size_bytes

    def _boarding(self) -> Iterator[_Passenger]:
        while len(self._aboard) < self._in_flight and self._aboard_bytes < _IN_FLIGHT_BYTES:
            following = next(self._source, None)
            if following is None:
                self._exhausted = True
                return
            index, evaluation = following
            if not isinstance(evaluation, Evaluation):
                kind = type(evaluation).__name__
                raise TypeError(
                    f"evaluations[{index}] is a {kind}; make it with pullback.client.evaluation(...)"
                )
            passenger = _Passenger(f"{self._run_id}:{index}", index, evaluation, evaluation.ByteSize())
            self._aboard[passenger.request_id] = passenger
            self._aboard_bytes += passenger.size_bytes
            yield passenger

    def _messages(self, passengers: Iterable[_Passenger]) -> Iterator[EvaluateStreamRequest]:
        message, count, size_bytes = EvaluateStreamRequest(), 0, 0
        for passenger in passengers:
            if count == self._batch or (count and size_bytes + passenger.size_bytes > _BATCH_BYTES):
                yield message
                message, count, size_bytes = EvaluateStreamRequest(), 0, 0
            message.requests.add(request_id=passenger.request_id, evaluation=passenger.evaluation)
            count += 1
            size_bytes += passenger.size_bytes
        if count:
            yield message
