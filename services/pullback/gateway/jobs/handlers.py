"""The RPCs of `JobService` with their bytes, as `pullback.gateway.handlers` has those of `GradientService`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

from pullback.gateway.handlers import reader
from pullback.v1 import job_pb2 as pb

if TYPE_CHECKING:
    from pullback.gateway.jobs.servicer import JobServicer

SERVICE: str = pb.DESCRIPTOR.services_by_name["JobService"].full_name


def handlers(servicer: JobServicer) -> grpc.GenericRpcHandler:
    """Gives what a server needs to serve the RPCs."""
    unary: Any = grpc.unary_unary_rpc_method_handler
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "CreateJob": unary(servicer.CreateJob, reader(pb.CreateJobRequest), bytes),
            # Read part by part, for a message of ten thousand keeps the event loop for too long.
            "BatchCreateJobs": unary(servicer.BatchCreateJobs, bytes, bytes),
            "GetJob": unary(servicer.GetJob, reader(pb.GetJobRequest), bytes),
            "ListJobs": unary(servicer.ListJobs, reader(pb.ListJobsRequest), bytes),
            "WatchJobs": grpc.unary_stream_rpc_method_handler(
                servicer.WatchJobs, reader(pb.WatchJobsRequest), bytes
            ),
            "CancelJob": unary(servicer.CancelJob, reader(pb.CancelJobRequest), bytes),
            "BatchCancelJobs": unary(
                servicer.BatchCancelJobs,
                reader(pb.BatchCancelJobsRequest),
                pb.BatchCancelJobsResponse.SerializeToString,
            ),
            "DeleteJob": unary(
                servicer.DeleteJob, reader(pb.DeleteJobRequest), pb.DeleteJobResponse.SerializeToString
            ),
        },
    )
