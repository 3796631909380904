"""One call with one answer, tried until it succeeds or trying cannot help."""

from __future__ import annotations

import asyncio
import time
from typing import Any, final

import grpc

from pullback.client.faults import from_rpc_error
from pullback.client.retries import Attempts


@final
class Caller:
    """Calls methods that are safe to call again, from blocking code.

    Attributes:
        address: where the service is, for messages.
        retry_for: the seconds that a call may spend waiting between tries.
    """

    def __init__(self, address: str, retry_for: float) -> None:
        self.address = address
        self.retry_for = retry_for

    def call(self, method: Any, request: Any, seconds: float | None = None) -> Any:
        """Gives the answer.

        Args:
            method: of a stub.
            request: sent unchanged with each try.
            seconds: that all tries may take together; None for no limit.

        Raises:
            PullbackError: what the last try came to.
        """
        attempts = Attempts(self.retry_for, seconds)
        while True:
            try:
                return method(request, timeout=attempts.rpc_timeout())
            except grpc.RpcError as error:
                delay = attempts.delay(from_rpc_error(error, self.address))
            time.sleep(delay)


@final
class AsyncCaller:
    """`Caller` for asyncio."""

    def __init__(self, address: str, retry_for: float) -> None:
        self.address = address
        self.retry_for = retry_for

    async def call(self, method: Any, request: Any, seconds: float | None = None) -> Any:
        """Gives the answer, as `Caller.call` does."""
        attempts = Attempts(self.retry_for, seconds)
        while True:
            try:
                return await method(request, timeout=attempts.rpc_timeout())
            except grpc.RpcError as error:
                delay = attempts.delay(from_rpc_error(error, self.address))
            await asyncio.sleep(delay)
