"""The tree of errors, and the one table that maps it to gRPC status.

    PullbackError
    ├── CallerError            the evaluation or the call is wrong; sending it again cannot help
    │   ├── InvalidArgument    a field of a message is wrong
    │   ├── ProgramError       the program's text is wrong, or fails when it runs
    │   ├── KernelFault        the program made a numerical kernel crash its process
    │   ├── DeviceNotServed    no live worker serves the device
    │   ├── RequestIdReused    the request id belongs to another evaluation
    │   ├── JobNotFound        there is no such job
    │   ├── JobIdReused        the job's id belongs to another job
    │   ├── LimitExceeded      the evaluation is bigger than a limit
    │   ├── DeadlineExceeded   the evaluation did not finish in its time
    │   └── Cancelled          the caller gave the evaluation up
    └── ServiceError           the service is at fault, or full
        ├── Overloaded         there is no room at the moment
        ├── QueueUnavailable   the queue cannot be reached
        ├── Stopping           this process is on its way out
        ├── Unreachable        no service answers; raised by clients only
        ├── WorkerLost         the evaluation lost its worker too many times
        └── InternalFault      a bug of ours

Only the leaves are raised. Foreign exceptions are translated where they are caught, chained with ``from``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, final

from google.rpc import code_pb2

if TYPE_CHECKING:
    from collections.abc import Mapping

# Longest parts of one error, in bytes of UTF-8. A status travels in gRPC trailers, which are capped at 8 KiB
# by default, and it is there twice: percent-encoded, where a byte may take three, and in base64.
MAX_TEXT_BYTES = 1_000
MAX_FIELD_BYTES = 200
MAX_METADATA_BYTES = 128

# What a caller waits before the next try, in seconds, unless the error knows better.
DEFAULT_RETRY_SECONDS = 1.0


class PullbackError(Exception):
    """Base of all errors of Pullback; never raised itself.

    Attributes:
        message: what was found and what was expected.
        field: path of the wrong field within the evaluation, such as ``inputs["w"].data``; may be empty.
        metadata: what is dynamic in the message, for programs to read.
        retry_seconds: how long to wait before trying again; None where trying again cannot help.
    """

    default_retry_seconds: ClassVar[float | None] = None

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_seconds: float | None = None,
    ) -> None:
        if type(self) not in TABLE:
            raise TypeError(f"{type(self).__name__} is abstract or has no row in the table of errors")
        self.message = _fit(message, MAX_TEXT_BYTES)
        self.field = _fit(field, MAX_FIELD_BYTES)
        self.metadata = {key: _fit(value, MAX_METADATA_BYTES) for key, value in (metadata or {}).items()}
        super().__init__(f"{self.field}: {self.message}" if field else self.message)
        self.retry_seconds = self.default_retry_seconds if retry_seconds is None else retry_seconds


def _fit(text: str, most_bytes: int) -> str:
    """Cuts a text to so many bytes and escapes what UTF-8 cannot hold, so that no error fails to be sent."""
    data = text.encode(errors="backslashreplace")
    if len(data) <= most_bytes:
        return data.decode()
    return data[: most_bytes - len("…".encode())].decode(errors="ignore") + "…"


class CallerError(PullbackError):
    """Base of errors that the caller can mend."""


class ServiceError(PullbackError):
    """Base of errors that the caller cannot mend."""


@final
class InvalidArgument(CallerError):
    """A field of a message is wrong. `field` names it."""


@final
class ProgramError(CallerError):
    """The program's text is wrong, or a statement of it failed.

    The metadata hold ``line`` and ``column``, both from 1, where the place is known, and ``suggestion``
    where there is one. The message ends with the source line and a caret line.
    """


@final
class KernelFault(CallerError):
    """The program made a numerical kernel crash the process it ran in."""


@final
class DeviceNotServed(CallerError):
    """No live worker serves the device that was asked for."""


@final
class RequestIdReused(CallerError):
    """The request id was used before, with another evaluation."""


@final
class JobNotFound(CallerError):
    """There is no such job, or it has expired or was deleted."""


@final
class JobIdReused(CallerError):
    """The job's id was used before, with other content."""


@final
class LimitExceeded(CallerError):
    """The evaluation is bigger than a limit. The metadata hold ``limit`` and ``estimate``."""


@final
class DeadlineExceeded(CallerError):
    """The evaluation did not finish within its time limit."""


@final
class Cancelled(CallerError):
    """The caller gave the evaluation up."""


@final
class Overloaded(ServiceError):
    """The service has no room at the moment."""

    default_retry_seconds = DEFAULT_RETRY_SECONDS


@final
class QueueUnavailable(ServiceError):
    """The queue cannot be reached."""

    default_retry_seconds = DEFAULT_RETRY_SECONDS


@final
class Stopping(ServiceError):
    """The process that was asked is on its way out; another one may answer."""

    default_retry_seconds = DEFAULT_RETRY_SECONDS


@final
class Unreachable(ServiceError):
    """No service answers at the address, or the connection broke. Only a client, which knows, raises it."""

    default_retry_seconds = DEFAULT_RETRY_SECONDS


@final
class WorkerLost(ServiceError):
    """The evaluation lost its worker more often than is allowed."""


@final
class InternalFault(ServiceError):
    """A bug of ours. The message says nothing about its cause; the log does."""


@dataclass(frozen=True)
class Row:
    """How one class of error crosses the wire.

    Attributes:
        code: the `google.rpc.Code`, which is also the gRPC status code.
        reason: the stable `google.rpc.ErrorInfo.reason`.
    """

    code: int
    reason: str


#: The one table of errors. A leaf of the tree without a row cannot be raised.
TABLE: dict[type[PullbackError], Row] = {
    InvalidArgument: Row(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD"),
    ProgramError: Row(code_pb2.INVALID_ARGUMENT, "INVALID_PROGRAM"),
    KernelFault: Row(code_pb2.INVALID_ARGUMENT, "KERNEL_FAULT"),
    DeviceNotServed: Row(code_pb2.FAILED_PRECONDITION, "DEVICE_NOT_SERVED"),
    RequestIdReused: Row(code_pb2.ALREADY_EXISTS, "REQUEST_ID_REUSED"),
    JobNotFound: Row(code_pb2.NOT_FOUND, "JOB_NOT_FOUND"),
    JobIdReused: Row(code_pb2.ALREADY_EXISTS, "JOB_ID_REUSED"),
    LimitExceeded: Row(code_pb2.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED"),
    DeadlineExceeded: Row(code_pb2.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED"),
    Cancelled: Row(code_pb2.CANCELLED, "CANCELLED"),
    Overloaded: Row(code_pb2.RESOURCE_EXHAUSTED, "OVERLOADED"),
    QueueUnavailable: Row(code_pb2.UNAVAILABLE, "QUEUE_UNAVAILABLE"),
    Stopping: Row(code_pb2.UNAVAILABLE, "STOPPING"),
    Unreachable: Row(code_pb2.UNAVAILABLE, "UNREACHABLE"),
    WorkerLost: Row(code_pb2.INTERNAL, "WORKER_LOST"),
    InternalFault: Row(code_pb2.INTERNAL, "INTERNAL_FAULT"),
}
