"""One stream's outcomes between the desk, which has them one by one, and the wire, which likes them by the hundred."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pullback.contract.errors import PullbackError
from pullback.contract.status import to_status
from pullback.gateway.wire import varint
from pullback.v1 import gradient_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from pullback.gateway.desk import Outcome, Ticket

# Outcomes and bytes in one message. Other people's clients refuse messages of more than 4 MiB unless told otherwise.
OUTCOMES_AT_ONCE = 1_024
BYTES_AT_ONCE = 1 * 2**20

# Evaluations in flight or unsent on one stream, and bytes unsent, above which no more requests are read from it; gRPC
# then holds the caller back.
MOST_IN_FLIGHT = 8_192
MOST_READY_BYTES = 64 * 2**20


# Tag of field 1 with a length: `EvaluateStreamResponse.outcomes` as well as `EvaluateOutcome.request_id`.
_FIRST_FIELD = bytes([1 << 3 | 2])


class OutcomeStream:
    """The evaluations in flight on one stream, and the outcomes that wait to be sent."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket | None] = {}
        self._ready: list[tuple[str, Outcome]] = []
        self._ready_bytes = 0
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._closed = False

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._tickets

    def expect(self, request_id: str) -> Callable[[Outcome], None]:
        """Counts a request as in flight, and gives what to call with its outcome."""
        self._tickets[request_id] = None

        def deliver(outcome: Outcome) -> None:
            self._tickets.pop(request_id, None)
            self._ready.append((request_id, outcome))
            self._ready_bytes += 0 if isinstance(outcome, PullbackError) else len(outcome)
            self._news.set()

        return deliver

    def ticket(self, request_id: str, ticket: Ticket) -> None:
        """Keeps the ticket of a request, to be withdrawn when the stream ends early."""
        if request_id in self._tickets:
            self._tickets[request_id] = ticket

    def tickets(self) -> list[Ticket]:
        """Gives the tickets of what is in flight."""
        return [ticket for ticket in self._tickets.values() if ticket]

    def close(self) -> None:
        """Says that no more requests will come."""
        self._closed = True
        self._news.set()

    async def room(self) -> None:
        """Waits until there is room for more requests."""
        while len(self._tickets) + len(self._ready) >= MOST_IN_FLIGHT or self._ready_bytes > MOST_READY_BYTES:
            self._room.clear()
            await self._room.wait()

    async def responses(self) -> AsyncIterator[bytes]:
        """Gives the serialised messages to send, until the stream is closed and nothing is in flight."""
        while self._ready or self._tickets or not self._closed:
            if not self._ready:
                self._news.clear()
                await self._news.wait()
                continue
            yield self._message()
            self._room.set()

    def _message(self) -> bytes:
        parts: list[bytes] = []
        size = taken = 0
        for request_id, outcome in self._ready[:OUTCOMES_AT_ONCE]:
            if isinstance(outcome, PullbackError):
                outcome = pb.EvaluateOutcome(error=to_status(outcome)).SerializeToString()  # noqa: PLW2901 - its wire form
            elif taken and size + len(outcome) > BYTES_AT_ONCE:
                break
            else:
                size += len(outcome)
            parts += _entry(request_id.encode(), outcome)
            taken += 1
        del self._ready[:taken]
        self._ready_bytes -= size
        return b"".join(parts)


def _entry(request_id: bytes, outcome: bytes) -> tuple[bytes, ...]:
    """Gives one entry of `EvaluateStreamResponse.outcomes`, of an outcome that lacks its request id.

    A message is the concatenation of its fields in any order, so the id is put in front and nothing needs to be parsed.
    """
    head = _FIRST_FIELD + varint(len(request_id))
    return _FIRST_FIELD, varint(len(head) + len(request_id) + len(outcome)), head, request_id, outcome
