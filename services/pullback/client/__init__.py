"""The SDK: evaluates programs on a Pullback service, at once or as jobs, from blocking code or asyncio.

Imports grpc, protobuf and numpy only. Torch tensors are taken and given where the caller has imported torch.
"""

from pullback.client.anomalies import Anomaly
from pullback.client.asynchronous import AsyncClient
from pullback.client.blocking import Client
from pullback.client.building import Device, evaluation
from pullback.client.checks import Checked, Diagnostic, Estimates, Spec
from pullback.client.derivatives import Derivative, Jacobian, NthDerivative
from pullback.client.descents import (
    LBFGS,
    SGD,
    Adagrad,
    Adam,
    AdamW,
    AsyncDescent,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    Descended,
    Descent,
    DescentPoint,
    DescentState,
    ExponentialLR,
    LinearLR,
    MiniBatches,
    MultiStepLR,
    Optimizer,
    PolynomialLR,
    RMSprop,
    Schedule,
    StepLR,
)
from pullback.client.exporting import Artifact, ExportFormat
from pullback.client.gradient_checks import GradientCheck
from pullback.client.jobs.asking import Conditions, JobOptions, job
from pullback.client.jobs.asynchronous import AsyncJobFuture, AsyncJobs
from pullback.client.jobs.blocking import JobFuture, Jobs
from pullback.client.jobs.reading import Attempt, Job, News
from pullback.client.jobs.words import JobPriority, JobState, JobView
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
    "LBFGS",
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Anomaly",
    "Artifact",
    "AsyncClient",
    "AsyncDescent",
    "AsyncJobFuture",
    "AsyncJobs",
    "Attempt",
    "CallerError",
    "Cancelled",
    "Checked",
    "Client",
    "Conditions",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "DeadlineExceeded",
    "Derivative",
    "Descended",
    "Descent",
    "DescentPoint",
    "DescentState",
    "Device",
    "DeviceNotServed",
    "Diagnostic",
    "Estimates",
    "Evaluated",
    "ExponentialLR",
    "ExportFormat",
    "GradientCheck",
    "InternalFault",
    "InvalidArgument",
    "Jacobian",
    "Job",
    "JobFuture",
    "JobIdReused",
    "JobNotFound",
    "JobOptions",
    "JobPriority",
    "JobState",
    "JobView",
    "Jobs",
    "KernelFault",
    "LimitExceeded",
    "LinearLR",
    "MiniBatches",
    "MultiStepLR",
    "News",
    "NthDerivative",
    "Optimizer",
    "Overloaded",
    "PolynomialLR",
    "ProgramError",
    "PullbackError",
    "QueueUnavailable",
    "RMSprop",
    "RequestIdReused",
    "Schedule",
    "ServiceError",
    "Spec",
    "StepLR",
    "Stopping",
    "Timings",
    "Unreachable",
    "WorkerLost",
    "evaluation",
    "job",
    "tensor",
]
