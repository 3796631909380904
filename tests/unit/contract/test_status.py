from __future__ import annotations

import base64
import urllib.parse
from datetime import timedelta

import pytest
from google.rpc import code_pb2, error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract import errors
from pullback.contract.errors import TABLE, PullbackError
from pullback.contract.status import DOMAIN, from_status, to_status

#: What gRPC allows for the trailers of one call by default, in bytes.
TRAILER_BYTES = 8_192

CLASSES = sorted(TABLE, key=lambda cls: cls.__name__)
texts = st.text(max_size=1_200)


def _same(one: PullbackError, other: PullbackError | None) -> bool:
    return (
        type(one) is type(other)
        and other is not None
        and (one.message, one.field, one.metadata) == (other.message, other.field, other.metadata)
        and one.retry_seconds == other.retry_seconds
        and str(one) == str(other)
    )


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@given(
    message=texts,
    field=texts,
    metadata=st.dictionaries(st.text(min_size=1, max_size=30), texts, max_size=3),
    retry=st.none() | st.integers(0, 10**9).map(lambda micros: micros / 10**6),
)
def test_every_error_crosses_the_wire_unchanged(
    cls: type[PullbackError], message: str, field: str, metadata: dict[str, str], retry: float | None
) -> None:
    """Class, message, field, metadata and delay come out as they went in, through bytes."""
    error = cls(message, field=field, metadata=metadata, retry_seconds=retry)
    sent = to_status(error).SerializeToString()
    assert _same(error, from_status(status_pb2.Status.FromString(sent)))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_status_has_the_tables_code_reason_and_domain(cls: type[PullbackError]) -> None:
    """The wire form says what the table of errors says."""
    status = to_status(cls("what was found"))
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, info.reason, info.domain) == (TABLE[cls].code, TABLE[cls].reason, DOMAIN)
    assert status.message == "what was found"


def test_a_field_is_a_violation_of_a_bad_request() -> None:
    """The path of the wrong field is in google.rpc.BadRequest, where generic tools look for it."""
    status = to_status(errors.InvalidArgument("needs 112", field='inputs["w"].data'))
    bad = error_details_pb2.BadRequest()
    assert status.details[1].Unpack(bad)
    assert [(v.field, v.description) for v in bad.field_violations] == [('inputs["w"].data', "needs 112")]
    assert status.message == 'inputs["w"].data: needs 112'


def test_a_delay_is_a_retry_info() -> None:
    """How long to wait is in google.rpc.RetryInfo, where generic clients look for it."""
    status = to_status(errors.Overloaded("the queue is full", retry_seconds=2.5))
    retry = error_details_pb2.RetryInfo()
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.ToTimedelta() == timedelta(seconds=2.5)


@pytest.mark.parametrize(
    "foreign",
    [
        RuntimeError("password=hunter2"),
        KeyError("/srv/key"),
        MemoryError(),
        KeyboardInterrupt("10.0.0.7:6379"),
    ],
    ids=lambda foreign: type(foreign).__name__,
)
def test_a_foreign_exception_becomes_internal_and_says_nothing(foreign: BaseException) -> None:
    """What is not an error of ours never shows its class, its text or its cause."""
    status = to_status(foreign)
    assert status.code == code_pb2.INTERNAL
    assert status == to_status(
        errors.InternalFault("the service failed; this is a fault of ours, not of the evaluation")
    )


def test_a_cause_is_not_sent() -> None:
    """The exception that an error was raised from stays on our side."""
    error = errors.QueueUnavailable("the queue cannot be reached")
    error.__cause__ = ConnectionError("10.0.0.7:6379")
    assert to_status(error) == to_status(errors.QueueUnavailable("the queue cannot be reached"))


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("letter", ["a", "%", "é", "∂", "😀"])
def test_the_longest_error_fits_into_the_trailers(cls: type[PullbackError], letter: str) -> None:
    """An error made of the longest parts still reaches a client with gRPC's default limits."""
    long = letter * 10_000
    status = to_status(
        cls(long, field=long, metadata={"limit": long, "estimate": long, "suggestion": long}, retry_seconds=1)
    )
    details = base64.b64encode(status.SerializeToString())
    percent = urllib.parse.quote(status.message, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")
    overhead = 4 * 32 + len("grpc-messagegrpc-status-details-bingrpc-status13")
    assert len(details) + len(percent) + overhead <= TRAILER_BYTES


def test_no_error_is_read_from_a_status_that_is_not_ours() -> None:
    """Another domain, an unknown reason, no details, and OK all give None."""
    ours = to_status(errors.Cancelled("given up"))
    other = status_pb2.Status(code=code_pb2.CANCELLED, message="given up")
    assert from_status(other) is None
    other.details.add().Pack(error_details_pb2.ErrorInfo(reason="CANCELLED", domain="example.com"))
    assert from_status(other) is None
    other.details[0].Pack(error_details_pb2.ErrorInfo(reason="NEW_REASON", domain=DOMAIN))
    assert from_status(other) is None
    ours.code = code_pb2.OK
    assert from_status(ours) is None


def test_details_that_are_unknown_are_passed_over() -> None:
    """A newer service may add details; an error is still read."""
    status = to_status(errors.Cancelled("given up"))
    status.details.add().Pack(error_details_pb2.Help(links=[error_details_pb2.Help.Link(url="x")]))
    assert _same(errors.Cancelled("given up"), from_status(status))
