"""Calls that are tried again for as long as the service is hurt."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
from tests.acceptance.drill.waiting import passes

# Seconds between two tries.
RETRY_SECONDS = 0.2

# How long an answer of the service may take until it is asked again, in seconds.
ANSWER_SECONDS = 15.0

# How often a call is tried before it is given up: for two minutes and more.
MOST_TRIES = 600

# What a service that is hurt answers; to try again is the caller's next move.
PASSING = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.CANCELLED,
}


async def call(method: Any, request: Any) -> Any:
    """Calls, and again while the service is hurt.

    Raises:
        AioRpcError: it answered that the call is wrong.
    """
    for _ in range(MOST_TRIES):
        try:
            return await method(request, timeout=ANSWER_SECONDS)
        except grpc.aio.AioRpcError as error:
            if not will_pass(error):
                raise
        await passes(RETRY_SECONDS)
    raise AssertionError(f"no answer in {MOST_TRIES} tries")


def will_pass(error: grpc.aio.AioRpcError) -> bool:
    """Tells whether the same call may be answered later."""
    # What grpc.aio says of its own accord where a write meets a connection that is just breaking.
    broken = error.code() == grpc.StatusCode.INTERNAL and error.details() == "Internal error from Core"
    return broken or error.code() in PASSING
