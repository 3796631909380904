"""gRPC's errors to ours: the only place where a client meets the former."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc
from google.protobuf.message import DecodeError
from grpc_status import rpc_status

from pullback.contract.errors import (
    DeadlineExceeded,
    InternalFault,
    LimitExceeded,
    PullbackError,
    Unreachable,
)
from pullback.contract.status import from_status

if TYPE_CHECKING:
    from google.rpc.status_pb2 import Status


_BROKEN_WRITE = "Internal error from Core"


def from_rpc_error(error: grpc.RpcError, address: str) -> PullbackError:
    """Reads what a failed call says: the service's own error, or what went wrong on the way there.

    Args:
        error: as raised by grpc or grpc.aio. Becomes the cause of what is returned.
        address: where the service was expected, for the message.
    """
    fault = _fault(error, address)
    fault.__cause__ = error
    return fault


def ended_early(address: str) -> PullbackError:
    """What is wrong where the service ends a stream that only the caller ends: it is on its way out."""
    return Unreachable(f"the service at {address} ended the stream early")


def _fault(call: Any, address: str) -> PullbackError:
    status = _status(call)
    ours = None if status is None else from_status(status)
    if ours is not None:
        return ours
    said = f"{call.code().name}: {call.details()}"
    match call.code():
        # A service that is killed breaks calls off with CANCELLED too; those that we cancel do not come here.
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
            return Unreachable(f"no service answers at {address} ({said})")
        # What grpc.aio says of its own accord where a write meets a connection that is just breaking.
        case grpc.StatusCode.INTERNAL if call.details() == _BROKEN_WRITE:
            return Unreachable(f"the connection to {address} broke ({said})")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceeded(f"no answer came from {address} in time")
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            return LimitExceeded(f"the message is too long for gRPC ({said})")
    return InternalFault(f"what answers at {address} failed in no way of Pullback's ({said})")


def _status(call: Any) -> Status | None:
    try:
        status: Status | None = rpc_status.from_call(call)
    except (ValueError, DecodeError):  # details of another protocol, or mangled by a proxy
        return None
    return status
