"""What every RPC of ours gets around its handler: errors in their wire form, and a refusal while the gateway stops.

Decorators, where interceptors would be usual: gRPC's asyncio server asks interceptors anew for every call, and takes
several more turns of the event loop to do so.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

import grpc

from pullback.contract.errors import InvalidArgument, PullbackError, Stopping
from pullback.contract.status import to_status
from pullback.gateway.handlers import Garbled

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

log = logging.getLogger(__name__)

#: Where gRPC's asyncio server says what went wrong.
GRPC_LOGGER = "grpc._cython.cygrpc"

_CODES = {code.value[0]: code for code in grpc.StatusCode}

Context = grpc.aio.ServicerContext[Any, Any]


Request = TypeVar("Request")
Response = TypeVar("Response")


class AbstractServicer(Protocol):
    """What the decorators need of a servicer."""

    @property
    def stopping(self) -> bool:
        """Whether new calls are refused."""


S = TypeVar("S", bound=AbstractServicer)


def unary(
    handler: Callable[[S, Request, Context], Awaitable[Response]],
) -> Callable[[S, Request, Context], Awaitable[Response]]:
    """Wraps the handler of an RPC with one request and one response."""

    @functools.wraps(handler)
    async def call(self: S, request: Request, context: Context) -> Response:
        try:
            _refuse_while_stopping(self)
            refuse_garbled(request)
            return await handler(self, request, context)
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: nothing foreign may pass
            await _abort(context, error)

    return call


def stream(
    handler: Callable[[S, Request, Context], AsyncIterator[Response]],
) -> Callable[[S, Request, Context], AsyncIterator[Response]]:
    """Wraps the handler of an RPC that streams both ways."""

    @functools.wraps(handler)
    async def call(self: S, requests: Request, context: Context) -> AsyncIterator[Response]:
        try:
            _refuse_while_stopping(self)
            async for response in handler(self, requests, context):
                yield response
        except (grpc.aio.AbortError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary: nothing foreign may pass
            await _abort(context, error)

    return call


def is_worth_a_line(record: logging.LogRecord) -> bool:
    """Tells whether the log is to have what gRPC says: not that a caller left while something was sent to it."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ != "ExecuteBatchError"


def refuse_garbled(request: object) -> None:
    """Refuses what is no message.

    Raises:
        InvalidArgument: the bytes could not be read.
    """
    if isinstance(request, Garbled):
        raise InvalidArgument(f"the bytes are not a {request.kind}")


def _refuse_while_stopping(servicer: AbstractServicer) -> None:
    if servicer.stopping:
        raise Stopping("this gateway is stopping; ask again, and another one answers")


async def _abort(context: Context, error: BaseException) -> NoReturn:
    """Ends a call with an error in its wire form. What is not one of ours says nothing of its cause."""
    if not isinstance(error, PullbackError):
        log.error("a call failed", exc_info=error)
    status = to_status(error)
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[status.code], status.message, trailing_metadata=details)
    raise AssertionError
