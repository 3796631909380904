from __future__ import annotations

import logging

import grpc

from pullback.gateway.boundary import is_worth_a_line

# gRPC's own, which it does not give out by name.
(GONE,) = (kind for kind in grpc.aio.InternalError.__subclasses__() if kind.__name__ == "ExecuteBatchError")


def _record(kind: type[Exception]) -> logging.LogRecord:
    return logging.LogRecord("grpc", logging.ERROR, "", 0, "said by gRPC", None, (kind, kind(), None))


def test_a_caller_that_left_is_no_error_of_the_gateways() -> None:
    """GRPC logs a traceback for each that does not read what is sent to it; everything else stays in the log."""
    assert not is_worth_a_line(_record(GONE))
    assert is_worth_a_line(_record(ValueError))
    assert is_worth_a_line(logging.LogRecord("grpc", logging.ERROR, "", 0, "said by gRPC", None, None))
