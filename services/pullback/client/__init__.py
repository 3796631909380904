"""The SDK: evaluates programs on a Pullback service, from blocking code or asyncio.

Imports grpc, protobuf and numpy only. Torch tensors are taken and given where the caller has imported torch.
"""

from pullback.client.asynchronous import AsyncClient
from pullback.client.blocking import Client
from pullback.client.building import Device, evaluation
from pullback.client.checks import Checked, Diagnostic, Estimates, Spec
from pullback.client.reading import Evaluated, Timings
from pullback.client.tensors import tensor
from pullback.contract.errors import (
    CallerError,
    Cancelled,
    DeadlineExceeded,
    DeviceNotServed,
    InternalFault,
    InvalidArgument,
    JobIdReused,
    JobNotFound,
    KernelFault,
    LimitExceeded,
    Overloaded,
    ProgramError,
    PullbackError,
    QueueUnavailable,
    RequestIdReused,
    ServiceError,
    Stopping,
    Unreachable,
    WorkerLost,
)

__all__ = [
    "AsyncClient",
    "CallerError",
    "Cancelled",
    "Checked",
    "Client",
    "DeadlineExceeded",
    "Device",
    "DeviceNotServed",
    "Diagnostic",
    "Estimates",
    "Evaluated",
    "InternalFault",
    "InvalidArgument",
    "JobIdReused",
    "JobNotFound",
    "KernelFault",
    "LimitExceeded",
    "Overloaded",
    "ProgramError",
    "PullbackError",
    "QueueUnavailable",
    "RequestIdReused",
    "ServiceError",
    "Spec",
    "Stopping",
    "Timings",
    "Unreachable",
    "WorkerLost",
    "evaluation",
    "tensor",
]
