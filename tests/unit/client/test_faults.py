from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_status import rpc_status

from pullback.client.faults import from_rpc_error
from pullback.contract.errors import (
    TABLE,
    DeadlineExceeded,
    InternalFault,
    LimitExceeded,
    PullbackError,
    Unreachable,
)
from pullback.contract.status import to_status

BY_CODE = {
    grpc.StatusCode.UNAVAILABLE: Unreachable,
    grpc.StatusCode.CANCELLED: Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceeded,
}


class _FailedCall(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode, details: str, trailers: Any = ()) -> None:
        self._said = (code, details, trailers)

    def code(self) -> grpc.StatusCode:
        return self._said[0]

    def details(self) -> str:
        return self._said[1]

    def trailing_metadata(self) -> Any:
        return self._said[2]


def _failed(error: PullbackError) -> _FailedCall:
    status = rpc_status.to_status(to_status(error))
    return _FailedCall(status.code, status.details, status.trailing_metadata)


@pytest.mark.parametrize("cls", TABLE)
def test_every_error_of_the_service_arrives_as_its_class(cls: type[PullbackError]) -> None:
    """Class, message, field, metadata and delay survive the way through gRPC."""
    sent = cls("what was found", field='inputs["x"]', metadata={"limit": "3"}, retry_seconds=2.5)
    call = _failed(sent)
    got = from_rpc_error(call, "here:1")
    assert type(got) is cls
    assert (got.message, got.field, got.metadata) == (sent.message, sent.field, sent.metadata)
    assert got.retry_seconds == 2.5
    assert got.__cause__ is call


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_error_of_the_transport_has_a_class(code: grpc.StatusCode) -> None:
    """A call that fails on the way gives one of our errors, with the code and the address in its text."""
    got = from_rpc_error(_FailedCall(code, "said so"), "here:1")
    assert type(got) is BY_CODE.get(code, InternalFault)
    assert (got.retry_seconds is not None) == isinstance(got, Unreachable)


@pytest.mark.parametrize(
    "trailers", [None, (("grpc-status-details-bin", b"\xff"),), (("grpc-status-details-bin", b""),)]
)
def test_details_that_cannot_be_read_are_left_aside(trailers: Any) -> None:
    """Details of another protocol, or mangled ones, leave the plain status."""
    got = from_rpc_error(_FailedCall(grpc.StatusCode.UNAVAILABLE, "down", trailers), "here:1")
    assert isinstance(got, Unreachable)
    assert "here:1" in str(got)


def test_a_write_that_meets_a_breaking_connection_is_tried_again() -> None:
    """grpc.aio calls it INTERNAL, but it is the connection, and the service may answer the next try."""
    got = from_rpc_error(_FailedCall(grpc.StatusCode.INTERNAL, "Internal error from Core"), "here:1")
    assert isinstance(got, Unreachable)
