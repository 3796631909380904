"""Errors to `google.rpc.Status` and back: the only place where an error takes on its wire form."""

from __future__ import annotations

from datetime import timedelta

from google.rpc import code_pb2, error_details_pb2, status_pb2

from pullback.contract.errors import TABLE, InternalFault, PullbackError

#: The `google.rpc.ErrorInfo.domain` of every error.
DOMAIN = "pullback.dev"

_CLASS_OF_REASON = {row.reason: cls for cls, row in TABLE.items()}


def to_status(error: BaseException) -> status_pb2.Status:
    """Gives an error its wire form.

    Anything that is not one of ours becomes INTERNAL and says nothing about its cause.
    """
    if not isinstance(error, PullbackError):
        error = InternalFault("the service failed; this is a fault of ours, not of the evaluation")
    row = TABLE[type(error)]
    status = status_pb2.Status(code=row.code, message=str(error))
    info = error_details_pb2.ErrorInfo(reason=row.reason, domain=DOMAIN, metadata=error.metadata)
    status.details.add().Pack(info)
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.message, reason=row.reason
        )
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
    if error.retry_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromTimedelta(timedelta(seconds=error.retry_seconds))
        status.details.add().Pack(retry)
    return status


def from_status(status: status_pb2.Status) -> PullbackError | None:
    """Reads an error from its wire form; None where it is not one of ours, or is no error."""
    info = error_details_pb2.ErrorInfo()
    bad = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retry_seconds: float | None = None
    for detail in status.details:
        if detail.Unpack(retry):
            retry_seconds = retry.retry_delay.ToTimedelta().total_seconds()
        else:
            detail.Unpack(info) or detail.Unpack(bad)
    cls = _CLASS_OF_REASON.get(info.reason)
    if status.code == code_pb2.OK or info.domain != DOMAIN or cls is None:
        return None
    field, message = "", status.message
    for violation in bad.field_violations:
        field, message = violation.field, violation.description
    return cls(message, field=field, metadata=dict(info.metadata), retry_seconds=retry_seconds)
