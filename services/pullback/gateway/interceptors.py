"""What every call gets around its handler: errors in their wire form, and a refusal while the gateway stops."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, NoReturn

import grpc

from pullback.contract.errors import PullbackError, Stopping
from pullback.contract.status import to_status
from pullback.v1 import gradient_pb2

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

log = logging.getLogger(__name__)

_OURS = f"/{gradient_pb2.DESCRIPTOR.package}."
_CODES = {code.value[0]: code for code in grpc.StatusCode}


async def abort(context: grpc.aio.ServicerContext[Any, Any], error: BaseException) -> NoReturn:
    """Ends a call with an error in its wire form. What is not one of ours says nothing of its cause."""
    if not isinstance(error, PullbackError):
        log.error("a call failed", exc_info=error)
    status = to_status(error)
    details = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(_CODES[status.code], status.message, trailing_metadata=details)
    raise AssertionError


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Translates the errors of our own services; health and reflection are left alone."""

    def __init__(self) -> None:
        self.stopping = False
        # By method: gRPC asks at every call, and gets the same answer.
        self._wrapped: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wraps a handler of ours."""
        method = handler_call_details.method
        if method in self._wrapped:
            return self._wrapped[method]
        handler = await continuation(handler_call_details)
        if handler is None or not method.startswith(_OURS):
            return handler
        self._wrapped[method] = self._wrap(handler)
        return self._wrapped[method]

    def _wrap(self, handler: grpc.RpcMethodHandler[Any, Any]) -> grpc.RpcMethodHandler[Any, Any]:
        if handler.unary_unary:
            return grpc.unary_unary_rpc_method_handler(
                self._unary(handler.unary_unary), handler.request_deserializer, handler.response_serializer
            )
        return grpc.stream_stream_rpc_method_handler(
            self._stream(handler.stream_stream), handler.request_deserializer, handler.response_serializer
        )

    def _unary(self, behaviour: Any) -> Any:
        async def call(request: Any, context: Any) -> Any:
            try:
                self._refuse_while_stopping()
                return await behaviour(request, context)
            except (grpc.aio.AbortError, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - the boundary: nothing foreign may pass
                await abort(context, error)

        return call

    def _stream(self, behaviour: Any) -> Any:
        async def call(requests: Any, context: Any) -> AsyncIterator[Any]:
            try:
                self._refuse_while_stopping()
                async for response in behaviour(requests, context):
                    yield response
            except (grpc.aio.AbortError, asyncio.CancelledError):
                raise
            except Exception as error:  # noqa: BLE001 - the boundary: nothing foreign may pass
                await abort(context, error)

        return call

    def _refuse_while_stopping(self) -> None:
        if self.stopping:
            raise Stopping("this gateway is stopping; ask again, and another one answers")
